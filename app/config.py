"""Every setting that the service reads; nothing is read anywhere else."""

import ipaddress
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_HOUSE = Path(__file__).resolve().parent.parent
SHORTEST_KEY = 32
"""Characters of the key that signs cookies."""
_ALGORITHMS = frozenset({"ES384", "RS384", "ES256", "RS256"})
_PREFETCH = frozenset({"portable", "crd-2.0", "crd-2.2"})
_DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")
_BROKERS = ("redis://", "rediss://")
_KINDS = {int: "a whole number", float: "a number", bool: "0 or 1"}
_MAY_BE_ZERO = frozenset(
    {"anonymous_refusals_per_minute", "job_threads", "delivery_threads"}
    | {"hook_retention_days", "authorization_retention_days", "audit_retention_days"}
)
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
SIX_MONTHS = 184
"""Days; the longest that six months are."""


class BadSettings(ValueError):
    """The settings cannot be used; the message names all that are wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Each field is read from the environment as ``PRIORAUTH_<NAME>``; docs/operating.md lists them all."""

    data: Path = Path("data")
    """Folder of payer.yaml and, by default, of the database."""

    base_url: str = "http://127.0.0.1:8000"
    """Public address, as clients see it: in fullUrls, as audience of tokens. https unless loopback; no path, no slash:
    the service has a host name of its own."""

    database_url: str = ""
    """Of PostgreSQL or SQLite; empty means SQLite, the file priorauth.db in the data folder."""

    broker_url: str = ""
    """Redis URL for Celery workers; empty means that jobs run on threads of the web processes."""

    encryption_keys: str = field(default="", repr=False)
    """AES-256 keys in base64, separated by commas: the first seals, all open. Empty: encryption.key in the data."""

    secret_key: str = field(default="", repr=False)
    """Signs the staff pages' cookies; at least 32 characters, the same for all web processes. Empty: secret.key in the
    data."""

    policies: Path = _HOUSE / "rules" / "policies"
    """Folder of the policies, <id>/<version>.yaml."""

    forms: Path = _HOUSE / "questionnaires" / "forms"
    """Folder of the Questionnaires, <id>/<version>.json."""

    policies_poll_seconds: float = 2.0
    """How often a process looks whether policies or forms have changed; a change is taken at the second look."""

    public_policies: bool = False
    """Whether /policies and /lookup are open to everybody; otherwise they are for the staff. They name no patient."""

    workers: int = 2
    """Web processes."""

    threads: int = 8
    """Threads in each web process; one waits while an EHR is read."""

    job_threads: int = 2
    """Threads for jobs other than deliveries in each web process, where no broker is set."""

    delivery_threads: int = 4
    """Threads that tell subscribers, in each process that does jobs; one waits while an endpoint takes its time."""

    job_poll_seconds: float = 1.0
    """How often a process looks for jobs that it was not woken for."""

    allow_loopback_http: bool = False
    """Talk plain http to 127.0.0.1, for demos and tests; refused where base_url is not loopback."""

    crd_version: str = "2.0"
    """CRD generation spoken to a client that asks for none: 2.0 or 2.2."""

    crd_prefetch: str = "portable"
    """Prefetch templates of the discovery document: portable, crd-2.0 or crd-2.2."""

    crd_prefetch_facts: str = "always"
    """Which searches of policies prefetch asks for: always (those that every policy in force makes) or any (the ten
    most frequent)."""

    cors_origins: str = ""
    """Origins of browser-based CDS clients, blank-separated; none means that no browser may call the hooks."""

    hook_algorithms: str = "ES384 RS384"
    """Under which algorithms JWTs of hooks are signed, blank-separated; ES256 and RS256 may be among them."""

    hook_budget_seconds: float = 4.0
    """How long a hook may take in all, reads from the EHR included; CRD asks for 5 s."""

    hook_limit_bytes: int = 2_000_000
    """Largest body of a hook call."""

    fhir_limit_bytes: int = 20_000_000
    """Largest body of a FHIR request."""

    attachment_limit_bytes: int = 64_000_000
    """Largest body of `$submit-attachment`."""

    access_token_seconds: int = 300
    """Life of an access token; SMART Backend Services recommends at most 300."""

    anonymous_refusals_per_minute: int = 60
    """Refusals of callers nobody knows that each web process records; further ones are counted and not recorded."""

    metrics_token: str = field(default="", repr=False)
    """Bearer token that /metrics asks for; empty means that it asks for none."""

    back_end_url: str = ""
    """Base of the payer's own systems (docs/back-end.md): https, private addresses too. Empty: the built-in tables."""

    back_end_token: str = field(default="", repr=False)
    """Bearer token that is sent to the payer's own systems."""

    back_end_client: str = ""
    """client_id that may bring decisions on cases that were handed over, and reads in the feed what was decided of all;
    empty: nobody may."""

    back_end_timeout_seconds: float = 1.5
    """How long the payer's own systems may take to answer; then a request is pended and they are asked again."""

    hook_retention_days: int = 90
    """How long what hooks sent and were answered is kept, for audit and DTR alone (CRD 2.2.1 sec-6). 0: for ever."""

    authorization_retention_days: int = 3650
    """How long a case is kept after its services end or it last changed; at least 184 (PAS). 0: for ever."""

    audit_retention_days: int = 3650
    """How long the record of events is kept. 0: for ever."""

    outbound_timeout_seconds: float = 3.0
    """How long to wait for another system to connect, and for each piece of its answer."""

    dtr_timeout_seconds: float = 10.0
    """How long the DTR app waits for an EHR or a payer to connect, and for each piece of the answer: a person waits."""

    outbound_limit_bytes: int = 5_000_000
    """Largest answer that is read from another system."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, **overrides: Any) -> "Config":
        """Read the environment; ``overrides`` (not None) win.

        Raises:
            BadSettings: naming every unknown and unusable setting, so that a deployer mends them in one pass.
        """
        env = os.environ if env is None else env  # noqa: TID251 this is the one place
        known = {f"PRIORAUTH_{f.name.upper()}": f for f in fields(cls)}
        wrong = [f"{name} is no setting" for name in env if name.startswith("PRIORAUTH_") and name not in known]
        values: dict[str, Any] = {}
        for name in known.keys() & env.keys():
            try:
                values[known[name].name] = _read(env[name], type(known[name].default))
            except (ValueError, KeyError):
                wrong.append(f"{name} is not {_KINDS[type(known[name].default)]}")
        config = cls(**values | {name: value for name, value in overrides.items() if value is not None})
        wrong.extend(config._contradictions())
        if wrong:
            raise BadSettings("; ".join(sorted(wrong)))
        return config

    @property
    def secret_key_file(self) -> Path:
        """Where the key of the staff pages' signed cookies is kept; all web processes share it."""
        return self.data / "secret.key"

    @property
    def encryption_key_file(self) -> Path:
        """Where the keys are that seal subscribers' headers, if the setting names none; one a line."""
        return self.data / "encryption.key"

    @property
    def algorithms_of_hooks(self) -> frozenset[str]:
        return frozenset(self.hook_algorithms.split())

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{(self.data / 'priorauth.db').absolute()}"

    def _contradictions(self) -> list[str]:
        loopback, kept = is_loopback(self.base_url), self.authorization_retention_days
        rules = self._bounds() | {
            "PRIORAUTH_DATABASE_URL has to begin with sqlite:/// or postgresql://": not self.database_url
            or self.database_url.startswith(_DATABASES),
            "PRIORAUTH_DATABASE_URL has to be a URL, with a number as its port": not self.database_url
            or _is_database(self.database_url),
            "PRIORAUTH_BROKER_URL has to begin with redis:// or rediss://": not self.broker_url
            or self.broker_url.startswith(_BROKERS),
            "PRIORAUTH_BROKER_URL has to be a URL, with a number as its port": _has_port_or_none(self.broker_url),
            "PRIORAUTH_BASE_URL has to be https unless it is loopback": loopback
            or self.base_url.startswith("https://"),
            "PRIORAUTH_BASE_URL may have no path, and no slash at its end": is_origin(self.base_url),
            "PRIORAUTH_ALLOW_LOOPBACK_HTTP needs a loopback base_url": loopback or not self.allow_loopback_http,
            "PRIORAUTH_BACK_END_URL has to be https unless it is loopback": not self.back_end_url
            or self.back_end_url.startswith("https://")
            or (self.allow_loopback_http and is_loopback(self.back_end_url)),
            "PRIORAUTH_BACK_END_URL may have no slash at its end": not self.back_end_url.endswith("/"),
            "PRIORAUTH_AUTHORIZATION_RETENTION_DAYS has to be at least 184, or 0": kept == 0 or kept >= SIX_MONTHS,
            "PRIORAUTH_CRD_VERSION has to be 2.0 or 2.2": self.crd_version in {"2.0", "2.2"},
            "PRIORAUTH_CRD_PREFETCH has to be portable, crd-2.0 or crd-2.2": self.crd_prefetch in _PREFETCH,
            "PRIORAUTH_CRD_PREFETCH_FACTS has to be always or any": self.crd_prefetch_facts in {"always", "any"},
            "PRIORAUTH_HOOK_ALGORITHMS have to be of ES384, RS384, ES256 and RS256": bool(self.algorithms_of_hooks)
            and self.algorithms_of_hooks <= _ALGORITHMS,
            f"PRIORAUTH_SECRET_KEY needs at least {SHORTEST_KEY} characters": len(self.secret_key) >= SHORTEST_KEY
            or not self.secret_key,
            "PRIORAUTH_CORS_ORIGINS have to be origins, and never *": all(map(is_origin, self.cors_origins.split())),
        }
        return [rule for rule, holds in rules.items() if not holds]

    def _bounds(self) -> dict[str, bool]:
        """Return for each number whether it can be used: finite, and above 0 where 0 has no meaning of its own."""
        numbers = [f.name for f in fields(self) if type(f.default) in {int, float}]
        return {
            f"PRIORAUTH_{name.upper()} has to be {'0 or more' if may_be_zero else 'above 0'}": math.isfinite(value)
            and (value > 0 or (value == 0 and may_be_zero))
            for name in numbers
            for value, may_be_zero in [(getattr(self, name), name in _MAY_BE_ZERO)]
        }


def is_loopback(url: str) -> bool:
    """Tell whether a URL's host is a loopback address (a name is not: it could be resolved to anything).

    >>> is_loopback("http://127.0.0.1:8000"), is_loopback("http://localhost:8000")
    (True, False)
    """
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False


def is_origin(text: str) -> bool:
    """Tell whether this is an origin as browsers send it: https, or http on this machine; no path, no slash.

    >>> is_origin("https://ehr.example.org"), is_origin("*"), is_origin("https://ehr.example.org/")
    (True, False, False)
    """
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address that there cannot be
        return False
    plain = parts.scheme == "http" and (parts.hostname == "localhost" or is_loopback(text))
    bare = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return named and bare and (parts.scheme == "https" or plain)


def _is_database(url: str) -> bool:
    from sqlalchemy import make_url  # noqa: PLC0415 its reading of a URL is what counts, and not all commands need it
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        make_url(url)
    except (ValueError, ArgumentError):
        return False
    return True


def _has_port_or_none(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _read(text: str, wanted: Any) -> Any:
    if wanted is bool:
        return _BOOLEANS[text.lower()]
    return Path(text) if issubclass(wanted, Path) else wanted(text)
