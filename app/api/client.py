"""Which client calls this door, and may it?"""

from flask import g, request

from app.current import the_service
from app.security import bearer
from app.storage.clients import Client


def the_client(*any_of: tuple[str, str]) -> Client:
    """Return who holds the request's access token, if it reaches here; arguments and errors are ``bearer.require``'s.

    What is logged of the request, and recorded of a refusal, names the client from then on.
    """
    client = bearer.require(the_service(), request.headers.get("Authorization"), *any_of)
    g.client_id = client.id
    return client
