"""Which jobs are always there? Each puts its next turn; whoever starts makes sure that there is one."""

from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.jobs.hook_measures import MEASURE
from app.logging import get_logger
from app.retention import purge
from app.storage import outbox
from app.storage.outbox import Job
from app.wiring import Service

RETENTION = "retention.purge"
DAILY = timedelta(days=1)
EVERYBODY = "everybody"
log = get_logger()


def begin(service: Service) -> None:
    """Make sure that the standing jobs wait; any process may, at any time, and the next to start makes up for it."""
    try:
        with service.database.writing() as connection:
            outbox.put_once(connection, RETENTION, EVERYBODY, service.now())
            outbox.put_once(connection, MEASURE, EVERYBODY, service.now())
    except SQLAlchemyError as error:
        log.warning("database.away", exc_info=error)


def retain(service: Service, job: Job) -> list[int]:
    """Take away what has been kept for long enough, once a day."""
    now = service.now()
    with service.database.writing() as connection:
        outbox.put_once(connection, RETENTION, job.subject, now, now + DAILY)
    purge(service.database, service.config, "service", now)
    return []
