"""The token endpoint's door (SMART Backend Services)."""

from flask import Blueprint, Response, request

from app.api.door import plain
from app.current import the_service
from app.security.backend_services import OAuthError, grant

door = Blueprint("oauth", __name__, url_prefix="/oauth")
_LIMIT = 32_768


@door.post("/token")
def token() -> Response:
    request.max_content_length = _LIMIT
    if request.mimetype != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "the body is a form")
    if any(len(values) > 1 for _, values in request.form.lists()):
        raise OAuthError("invalid_request", "each parameter is given once")
    issued = grant(the_service(), request.form)
    answer = plain(
        {
            "access_token": issued.value,
            "token_type": "bearer",
            "expires_in": issued.seconds,
            "scope": " ".join(issued.scopes),
        }
    )
    answer.headers["Pragma"] = "no-cache"
    return answer
