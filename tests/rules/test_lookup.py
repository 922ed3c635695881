"""A book is listed and searched by what is known of its policies before any is opened."""

from dataclasses import replace
from datetime import date

import pytest

from rules.book import PolicyBook
from rules.entry import Entry
from rules.lookup import Search, State, owners, shelf, shelves
from rules.policy import Identity, Status
from tests.rules.given import DAY, POLICY


def closed(name, owner="Medical Policy, Therapy", status=Status.ACTIVE, **changes):
    """Return the entry of a policy that nobody may open."""
    policy = replace(POLICY, id=name, title=f"About {name}", identity=Identity(status, owner), **changes)

    def opened():
        raise AssertionError(f"{name} was opened")

    return Entry.of(policy, opened=opened)


BOOK = PolicyBook([
    closed("exercise"),
    closed("exercise", version="2", effective=date(2027, 1, 1)),
    closed("massage", owner="Medical Policy, Other", expires=date(2026, 1, 31)),
    closed("water", status=Status.DRAFT),
])  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Search(), ["exercise", "massage", "water"]),
        (Search(code="97110"), ["exercise", "massage", "water"]),
        (Search(code="97112"), []),
        (Search(words="EXER"), ["exercise"]),
        (Search(owner="Medical Policy, Other"), ["massage"]),
        (Search(state=State.UPCOMING), ["exercise"]),
        (Search(state=State.ENDED), ["massage"]),
        (Search(state=State.DRAFT), ["water"]),
        (Search(owner="Medical Policy, Other", state=State.DRAFT), []),
    ],
)
def test_policies_are_found_and_none_is_opened_for_it(wanted, found):
    assert [one.present.policy.id for one in shelves(BOOK, wanted, DAY)] == found


def test_departments_are_told_and_no_policy_is_opened_for_it():
    assert owners(BOOK) == ["Medical Policy, Other", "Medical Policy, Therapy"]


def test_a_shelf_presents_what_is_in_force_before_what_is_newer():
    both = shelf([one for one in BOOK.entries if one.id == "exercise"], DAY)
    assert [(one.policy.version, one.state) for one in both.versions] == [("2", State.UPCOMING), ("1", State.IN_FORCE)]
    assert both.present.policy.version == "1"


def test_an_entry_is_kept_with_its_owner():
    entry = closed("exercise")
    assert Entry.from_json(entry.to_json(), entry.open) == entry
