"""What does a monitoring system see? Prometheus' text: what the web processes counted, and what waits in the outbox."""

from collections.abc import Iterator
from hmac import compare_digest

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.current import the_service
from app.jobs.handlers import HANDLERS
from app.logging import get_logger
from app.metrics import exposition
from app.storage import outbox
from app.wiring import Service
from fhir_r4.problems import NotAuthenticated

door = Blueprint("metrics", __name__)
log = get_logger()


@door.get("/metrics")
def metrics() -> Response:
    """Answer who has the token, where the operator has set one; else whoever can reach this door."""
    service = the_service()
    token = service.config.metrics_token
    if token and not compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        raise NotAuthenticated("the monitoring system's token", headers={"WWW-Authenticate": "Bearer"})
    return Response(exposition(_Outbox(service), _Policies(service)), content_type=CONTENT_TYPE_LATEST)


class _Outbox(Collector):
    """The outbox as it is at the scrape; without a database there is nothing to say of it, and the rest is said."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        try:
            with self._service.database.reading() as connection:
                found = outbox.depth(connection, HANDLERS.keys())
        except SQLAlchemyError as error:
            log.error("database.away", exc_info=error)  # noqa: TRY400 structlog's, with the type and lines only
            return
        says = "Rows that wait, those of them that this version leaves to another, and rows given up."
        rows = GaugeMetricFamily("priorauth_outbox_rows", says, labels=["state"])
        rows.add_metric(["waiting"], found.waiting)
        rows.add_metric(["left"], found.left)
        rows.add_metric(["dead"], found.dead)
        yield rows
        late = max((self._service.now() - found.due).total_seconds(), 0) if found.due else 0
        says = "For how long the row that is most overdue has been due; 0 while none is."
        yield GaugeMetricFamily("priorauth_outbox_oldest_seconds", says, value=late)


class _Policies(Collector):
    """The policies at work in the process that answers; all processes of an installation watch the same folder."""

    def __init__(self, service: Service) -> None:
        self._policies = service.policies

    def collect(self) -> Iterator[Metric]:
        edition, refusal = self._policies.edition, self._policies.refusal
        yield GaugeMetricFamily("priorauth_policies", "Policy versions at work.", value=len(edition.book))
        said = "Faults for which the policies' folder, as it stands, was refused; 0 when it is at work."
        yield GaugeMetricFamily("priorauth_policies_refused_faults", said, value=len(refusal.faults) if refusal else 0)
