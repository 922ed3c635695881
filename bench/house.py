"""What is measured? ``priorauth serve`` with SQLite, as an operator would open it, and authorizations in store."""

import csv
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import Connection, Table, insert, select

from app.demo.parties import HOUSE, Parties, parties
from app.storage.database import Database
from app.storage.tables import authorizations, decisions, items, submissions
from app.wiring import new_number
from bench.bodies import Bodies, member_number
from fhir_r4.wire import write_json

ISSUER = "https://ehr.example.org"
CLIENT = "riverside-ehr"
SCOPES = "system/Claim.crus system/Questionnaire.rs"
BATCH = 1_000
_BIRTH_DATE = date(1950, 2, 1)


@dataclass(frozen=True, slots=True)
class House:
    """The service's folder and environment, and how a client proves itself to it."""

    here: Parties
    key: RSAKey
    token: str

    def bearer(self, _: datetime) -> str:
        return self.token

    def hook_token(self, now: datetime) -> str:
        """Return a new CDS Hooks JWT; it is taken once."""
        claims = {
            "iss": ISSUER,
            "aud": f"{self.here.service}/cds-services/order-sign-crd",
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=10)).timestamp()),
            "jti": str(uuid4()),
        }
        return jwt.encode({"alg": "RS384", "kid": "bench", "typ": "JWT"}, claims, self.key, algorithms=["RS384"])


def furnish(
    folder: Path,
    port: int,
    members: int,
    settings: Mapping[str, str] = MappingProxyType({}),
    ehrs: Iterable[str] = (),
) -> House:
    """Make the data folder: schema, payer, that many members, one client with an RS384 key and a token.

    Args:
        settings: of the service, beside those of the demo.
        ehrs: FHIR servers that may be read with the hook's token.
    """
    here = parties(port, folder / "data", settings)
    shutil.copytree(HOUSE / "fixtures" / "payer", here.data)
    with (here.data / "members.csv").open("a", newline="", encoding="utf-8") as file:
        rows = ("acme", "ACME-MA-HMO-2026", _BIRTH_DATE.isoformat(), "2026-01-01", "")
        payer, *rest = rows
        csv.writer(file).writerows([payer, member_number(number), *rest] for number in range(members))
    key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS384"})
    keys = folder / "jwks.json"
    keys.write_bytes(write_json({"keys": [key.as_dict(private=False)]}))
    here.operate("migrate")
    here.operate("directory", "load")
    here.operate("client", "add", CLIENT, "--organization", "1234567893", "--jwks", str(keys), "--scope", SCOPES,
                 "--hook-issuer", ISSUER, "--hook-jwks", str(keys),
                 *(word for ehr in ehrs for word in ("--ehr", ehr)))  # fmt: skip
    return House(here, key, here.operate("client", "token", CLIENT, "--minutes", "240"))


def stock(house: House, given: Bodies, wanted: int, told: Callable[[int], None]) -> None:
    """Store ``wanted`` authorizations, one a member: copies of the one that has come in by the door.

    Args:
        told: is called with the number stored so far.
    """
    database = Database(f"sqlite:///{(house.here.data / 'priorauth.db').absolute()}")
    with database.reading() as connection:
        came = connection.execute(select(submissions)).mappings().one()
        held = [(table, _rows(connection, table)) for table in (authorizations, items, decisions, submissions)]
    for start in range(0, wanted, BATCH):
        names = [(str(uuid4()), number) for number in range(start, min(start + BATCH, wanted))]
        requests = {number: given.for_member("submission", number) for _, number in names}
        with database.writing() as connection:
            for table, rows in held:
                copies = [_copy(row, came["authorization_id"], new, number) for new, number in names for row in rows]
                if table is submissions:
                    copies = [
                        row | {"request": requests[number]} for row, (_, number) in zip(copies, names, strict=True)
                    ]
                connection.execute(insert(table), copies)
        told(start + len(names))
    database.engine.dispose()


def _rows(connection: Connection, table: Table) -> list[dict]:
    return [dict(row) for row in connection.execute(select(table)).mappings()]


def _copy(row: dict, old: str, new: str, number: int) -> dict:
    """Return a row about another authorization of another member, with unique values of its own."""
    changed = {name: new for name, value in row.items() if value == old}
    own: Iterable[tuple[str, object]] = (
        ("reference", new_number()),
        ("number", f"PB{number:010}"),
        ("member_id", member_number(number)),
        ("transaction_value", new),
    )
    if "transaction_value" in row:
        changed["id"] = str(uuid4())
    return row | {name: value for name, value in own if name in row} | changed
