"""What do we say of ourselves? A CapabilityStatement and a SMART configuration for each base, to whoever asks."""

from flask import Blueprint, Flask, Response, current_app

from app.api.capability import Does, does, statement
from app.api.door import fhir, plain
from app.current import the_service
from app.security.jwt import RECOMMENDED
from app.security.scopes import SUPPORTED
from fhir_r4.generations import Generation

door = Blueprint("metadata", __name__, url_prefix="/fhir/<generation:generation>")
_DOES = "priorauth.does"


def init_app(app: Flask) -> None:
    """Read the routes once they are all there; an operation that is not known stops the start."""
    app.register_blueprint(door)
    app.extensions[_DOES] = does(app.url_map)


@door.get("/metadata")
def capability_statement(generation: Generation) -> Response:
    what: Does = current_app.extensions[_DOES]
    return _open(fhir(statement(what, generation, the_service().fhir_base(generation))))


@door.get("/.well-known/smart-configuration")
def smart_configuration(generation: Generation) -> Response:  # noqa: ARG001 the same on each base
    """Say how tokens are had: application/json, whatever is accepted (SMART App Launch 2.2)."""
    return _open(
        plain(
            {
                "token_endpoint": f"{the_service().config.base_url}/oauth/token",
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": list(RECOMMENDED),
                "grant_types_supported": ["client_credentials"],
                "scopes_supported": list(SUPPORTED),
                "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
            }
        )
    )


def _open(response: Response) -> Response:
    """Let pages of any origin read it: it is the same for everybody and holds no secret."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
