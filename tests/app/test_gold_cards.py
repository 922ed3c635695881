"""Gold cards are a table of the payer: read beside the policies, all or nothing, and never quoted."""

from dataclasses import replace
from datetime import date

import pytest

from app.gold_cards import FILE, read_gold_cards
from app.policies import payers_lists
from app.registration import Registration, register
from app.storage.directory import TableDirectory
from rules.directory import GoldCard
from rules.yaml_lines import FaultyFile
from tests.app.fixtures import ISSUER
from tests.app.test_unsolicited import said
from tests.given import CLINIC, a_hook, a_record
from tests.given_policy import BY_RECORD

HEAD = "npi,policy,from,to\n"
CARD = GoldCard("oxygen-*", date(2026, 1, 1), date(2026, 6, 30))


def test_without_a_file_nobody_has_one(tmp_path):
    assert payers_lists(tmp_path) == ([], {})


def test_a_provider_may_have_several():
    lines = f"{CLINIC.npi},oxygen-*,2026-01-01,2026-06-30\n{CLINIC.npi}, lumbar-mri ,2026-01-01,\n"
    assert read_gold_cards(HEAD + lines) == {CLINIC.npi: (CARD, GoldCard("lumbar-mri", date(2026, 1, 1)))}


@pytest.mark.parametrize("line", ["x,a,2026-01-01,", "1,,2026-01-01,", "1,a,2026-02-30,", "1,a,,", "1"])
def test_each_line_that_cannot_be_read_is_named_and_not_quoted(line):
    with pytest.raises(FaultyFile) as faulty:
        read_gold_cards(f"{HEAD}1,a,2026-01-01,\n{line}\n")
    assert [(fault.file, fault.line) for fault in faulty.value.faults] == [(FILE, 3)]
    assert "2026-02-30" not in str(faulty.value)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(FaultyFile, match="no column to"):
        read_gold_cards("npi,policy,from\n1,a,2026-01-01\n")


def test_the_directory_knows_them(house):
    directory = TableDirectory(house.service.database, house.service.payers, {CLINIC.npi: (CARD,)}.get)
    assert directory.provider(CLINIC.npi).gold_cards == (CARD,)
    assert house.service.directory.provider(CLINIC.npi).gold_cards == ()


@pytest.mark.parametrize(("registered", "needed"), [((), "auth-needed"), (("1144221847",), "no-auth")])
def test_at_the_hook_a_card_counts_where_its_holder_is_the_client_s_own(house, registered, needed):
    register(house.config, Registration(
        name="riverside-ehr",
        organizations=(CLINIC.npi, *registered),
        jwks=str(house.config.data / "keys.json"),
        hook_issuer=ISSUER,
        hook_jwks=str(house.config.data / "keys.json"),
    ))  # fmt: skip
    cards = {"1144221847": (GoldCard("*", date(2026, 1, 1)),)}
    house.service.policies.edition = replace(house.service.edition, book=BY_RECORD, gold_cards=cards)
    body = a_hook()
    body["prefetch"]["requester"] = a_record().get("Practitioner/lindqvist")
    (action,) = house.call(body).json["systemActions"]
    assert said(action["resource"])["pa-needed"] == needed
