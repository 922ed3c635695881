"""May the holder of this access token do this?"""

from app.security.backend_services import digest
from app.security.scopes import rights
from app.storage.clients import Client
from app.wiring import Service
from fhir_r4.problems import Forbidden, NotAuthenticated

_MAX_TOKEN = 512


def require(service: Service, authorization: str | None, *any_of: tuple[str, str]) -> Client:
    """Return the client that the token was issued to, if it was granted one of ``any_of``.

    Args:
        any_of: pairs of resource type and one letter of cruds, ``("Claim", "c")``.

    Raises:
        NotAuthenticated: no token, or one that is unknown, expired or of a client that is no longer active.
        Forbidden: the token's scopes do not reach here.
    """
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("an access token", headers={"WWW-Authenticate": "Bearer"})
    found = service.holders.of(digest(token[:_MAX_TOKEN]), service.now())
    if found is None:
        raise NotAuthenticated(
            "an access token that is valid", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
        )
    client, scopes = found
    if not rights(scopes) & rights(client.scopes) & set(any_of):
        wanted = [f"system/{kind}.{letter}" for kind, letter in any_of]
        raise Forbidden(
            f"the token's scopes do not reach here: it takes {' or '.join(wanted)}",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{wanted[0]}"'},
        )
    return client
