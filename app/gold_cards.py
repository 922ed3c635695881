"""Which providers are trusted with which services? ``gold-cards.csv`` in the data folder, where there is one.

Columns: npi, policy (its id; ``*`` stands for any characters), from, to (may be empty; both days are included). A
policy asks for it with a fact ``requester: gold-card`` or ``performer: gold-card``. A payer's own systems may say the
same of a provider (docs/back-end.md); whoever says it, it holds.
"""

from collections.abc import Mapping
from datetime import date

from rules.csv_lines import read_csv
from rules.directory import GoldCard
from rules.yaml_lines import Fault, FaultyFile

FILE = "gold-cards.csv"
LONGEST = 500_000
_COLUMNS = ("npi", "policy", "from", "to")
Cards = Mapping[str, tuple[GoldCard, ...]]
"""By NPI."""


def read_gold_cards(text: str) -> Cards:
    """Return the cards of the file.

    Raises:
        FaultyFile: with every line that cannot be read; it never quotes one.
    """
    cards: dict[str, tuple[GoldCard, ...]] = {}
    faults = []
    columns, rows = read_csv(text, FILE, LONGEST)
    if missing := set(_COLUMNS) - set(columns):
        raise FaultyFile([Fault(FILE, 1, f"no column {', '.join(sorted(missing))}", "add it")])
    for line, row in rows:
        try:
            npi, card = _read(row)
        except ValueError:
            faults.append(Fault(FILE, line, "an NPI, a policy and days such as 2026-01-31", "mend it"))
        else:
            cards[npi] = (*cards.get(npi, ()), card)
    if faults:
        raise FaultyFile(faults)
    return cards


def _read(row: Mapping[str, str]) -> tuple[str, GoldCard]:
    npi, policy, starts, ends = (row[name] for name in _COLUMNS)
    if not (npi.isdigit() and policy):
        raise ValueError
    return npi, GoldCard(policy, date.fromisoformat(starts), date.fromisoformat(ends) if ends else None)
