"""What does a running service consist of? Built once for a process; tests build others."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import uuid4

from app.clients.jwks import JwksCache
from app.clients.outbound import Door
from app.clock import now
from app.config import Config
from app.payers import load_payers
from app.storage.database import Database
from app.storage.directory import TableDirectory
from fhir_r4.generations import Generation
from questionnaires.catalog import Catalog, load_catalog, questions
from rules.book import PolicyBook
from rules.directory import Payer
from rules.load import load_book
from rules.ports import Directory

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class FormMissing(ValueError):
    """A policy names a form, or a question of it, that is not there."""


class Runner(Protocol):
    """Whoever does the jobs of the outbox."""

    def wake(self, job_ids: Iterable[int]) -> None:
        """Say that these rows are there, after their transaction; losing this costs latency only."""


class _Nobody:
    def wake(self, job_ids: Iterable[int]) -> None:
        """Leave the rows to whoever sweeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """All that a request needs and that outlives it."""

    config: Config
    database: Database
    payers: tuple[Payer, ...]
    directory: Directory
    book: PolicyBook
    catalog: Catalog
    door: Door
    jwks: JwksCache
    runner: Runner = field(default_factory=_Nobody)
    now: Callable[[], datetime] = now

    def fhir_base(self, generation: Generation) -> str:
        return f"{self.config.base_url}/fhir/{generation}"


def build(config: Config) -> Service:
    """Read payers, policies and forms, and open the database; raises what any of them has to complain about."""
    database = Database(config.database)
    payers = load_payers(config.data / "payer.yaml")
    book, catalog = load_book(config.policies), load_catalog(config.forms)
    refuse_missing_forms(book, catalog)
    door = Door(
        allow_loopback_http=config.allow_loopback_http,
        timeout_seconds=config.outbound_timeout_seconds,
        limit_bytes=config.outbound_limit_bytes,
    )
    return Service(
        config=config,
        database=database,
        payers=payers,
        directory=TableDirectory(database, payers),
        book=book,
        catalog=catalog,
        door=door,
        jwks=JwksCache(door),
    )


def refuse_missing_forms(book: PolicyBook, catalog: Catalog) -> None:
    """Raise FormMissing where a policy asks for a form or a question that the catalog does not have."""
    for policy in book:
        name = policy.at_order_time.questionnaire
        if name is None:
            continue
        try:
            asked = questions(catalog.named(name))
        except KeyError:
            raise FormMissing(f"{policy}: there is no form {name}") from None
        for fact in policy.facts:
            if fact.question not in asked:
                raise FormMissing(f"{policy}: form {name} has no question {fact.question} for '{fact.name}'")


def new_id() -> str:
    """Return an identifier that nobody guesses."""
    return str(uuid4())


def new_number() -> str:
    """Return an authorization or reference number: readable over the telephone, not guessable, fit for X12 REF02.

    Crockford's base 32 has no I, L, O and U.
    """
    digits = "".join(secrets.choice(_CROCKFORD) for _ in range(12))
    return f"PA{digits}"
