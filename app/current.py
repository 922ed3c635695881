"""Which request is at hand, and which service is it for?"""

from flask import Flask, Request, current_app, request

from app.wiring import Service

_NAME = "priorauth"


def init_app(app: Flask, service: Service) -> None:
    app.extensions[_NAME] = service


def service_of(app: Flask) -> Service:
    service = app.extensions[_NAME]
    assert isinstance(service, Service)  # noqa: S101
    return service


def the_service() -> Service:
    """Return the service of the request at hand."""
    return service_of(current_app)


def the_request() -> Request:
    """Return the request at hand itself: Flask looks for it anew for each attribute that is asked of its stand-in."""
    return request._get_current_object()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001 documented so
