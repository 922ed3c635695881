"""Which service does this web application work for?"""

from flask import Flask, current_app

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
