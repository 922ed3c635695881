"""Which browsers may call? CORS for CDS clients that run in one (CDS Hooks 2.0, "Cross-Origin Resource Sharing").

Origins are the operator's list (PRIORAUTH_CORS_ORIGINS); tokens travel in a header and never as cookies, so that
credentials are not allowed.
"""

from flask import Blueprint, Response, request

from app.current import the_service

LIFE_SECONDS = 600


def opened_to_browsers(door: Blueprint) -> None:
    """Let the browsers of listed origins call the routes of a door; a preflight needs no token."""
    door.after_request(_tell)


def _tell(response: Response) -> Response:
    origins = the_service().config.cors_origins.split()
    if not origins:
        return response
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = "X-Request-Id, Retry-After, WWW-Authenticate"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Accept"
        response.headers["Access-Control-Max-Age"] = str(LIFE_SECONDS)
    return response
