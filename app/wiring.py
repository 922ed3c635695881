"""What does a running service consist of? Built once for a process; tests build others."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Protocol
from uuid import uuid4

from app.clients.back_end import HttpBackEnd
from app.clients.ehr_lines import EhrLines
from app.clients.jwks import JwksCache
from app.clients.outbound import Door
from app.clock import now
from app.config import Config
from app.payers import load_payers
from app.policies import ActivePolicies, Edition
from app.ration import Ration
from app.storage.database import Database
from app.storage.directory import TableDirectory
from app.storage.sealing import Keyring, read_keys
from app.storage.token_holders import TokenHolders
from fhir_r4.generations import Generation
from prior_auth.authorization import Authorization
from prior_auth.weigh import Knowledge
from questionnaires.catalog import Catalog
from rules.book import PolicyBook
from rules.directory import CardsOf, GoldCard, Payer
from rules.ports import BackEnd, Directory

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


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
    holders: TokenHolders
    directory: Directory
    back_end: BackEnd
    policies: ActivePolicies
    door: Door
    jwks: JwksCache
    keyring: Keyring
    lines: EhrLines
    anonymous_refusals: Ration
    runner: Runner = field(default_factory=_Nobody)
    now: Callable[[], datetime] = now

    @property
    def edition(self) -> Edition:
        """Policies and forms as they are now; a request takes them once and works with them to its end."""
        return self.policies.edition

    @property
    def book(self) -> PolicyBook:
        return self.edition.book

    @property
    def catalog(self) -> Catalog:
        return self.edition.catalog

    @property
    def zone(self) -> tzinfo:
        """Of the first payer; in it stands what is told of no payer in particular."""
        return self.payers[0].time_zone

    def today(self) -> date:
        """Return the day that it is in ``zone``."""
        return self.payers[0].today(self.now())

    def payer_of(self, case: Authorization) -> Payer:
        """Return the payer of a case; the first one where its own is no longer served here."""
        return self.directory.payer_called(case.payer) or self.payers[0]

    def fhir_base(self, generation: Generation) -> str:
        return f"{self.config.base_url}/fhir/{generation}"


def build(config: Config) -> Service:
    """Read payers, policies and forms, and open the database; raises what any of them has to complain about."""
    database = Database(config.database)
    payers = load_payers(config.data / "payer.yaml")
    door = way_out(config, config.outbound_timeout_seconds)
    policies = ActivePolicies(config, database)

    def cards(npi: str) -> tuple[GoldCard, ...]:
        return policies.edition.gold_cards.get(npi, ())

    own_systems = _own_systems(config, payers, cards) or TableDirectory(database, payers, cards)
    return Service(
        config=config,
        database=database,
        payers=payers,
        holders=TokenHolders(database),
        directory=own_systems,
        back_end=own_systems,
        policies=policies,
        door=door,
        jwks=JwksCache(door),
        anonymous_refusals=Ration(config.anonymous_refusals_per_minute, seconds=60),
        keyring=read_keys(config.encryption_keys, config.encryption_key_file),
        lines=EhrLines(config.threads // 2),
    )


def way_out(config: Config, seconds: float, *, private: bool = False) -> Door:
    """Return a way to other systems that waits so long for each; ``private`` ones may live in the payer's network."""
    return Door(
        allow_loopback_http=config.allow_loopback_http,
        timeout_seconds=seconds,
        limit_bytes=config.outbound_limit_bytes,
        private=private,
    )


def _own_systems(config: Config, payers: tuple[Payer, ...], cards: CardsOf) -> HttpBackEnd | None:
    """Return the payer's own systems, where the operator has named them; they may live at private addresses."""
    if not config.back_end_url:
        return None
    seconds = config.back_end_timeout_seconds
    door = way_out(config, seconds, private=True)
    return HttpBackEnd(door, config.back_end_url, config.back_end_token, payers, seconds, cards)


def knowledge_of(edition: Edition) -> Knowledge:
    """Return what requests are weighed by: an edition's policies and forms, and how cases and numbers are named."""
    return Knowledge(edition.book, edition.catalog, new_id, new_number)


def new_id() -> str:
    """Return an identifier that nobody guesses."""
    return str(uuid4())


def new_number() -> str:
    """Return an authorization or reference number: readable over the telephone, not guessable, fit for X12 REF02.

    Crockford's base 32 has no I, L, O and U.
    """
    drawn = secrets.randbits(5 * 12)
    return "PA" + "".join(_CROCKFORD[drawn >> 5 * place & 31] for place in range(12))
