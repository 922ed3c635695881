"""Gold cards are a table of the payer: read beside the policies, all or nothing, and never quoted."""

from datetime import date

import pytest

from app.gold_cards import FILE, read_gold_cards
from app.policies import payers_lists
from app.storage.directory import TableDirectory
from rules.directory import GoldCard
from rules.yaml_lines import FaultyFile
from tests.given import CLINIC

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
