"""What was checked once is not checked again, whatever the book's size; what was changed is, and only that."""

import pytest

from bench.policies import DAY, EVIDENCE, OXYGEN, generate
from rules import load
from rules.book import PolicyBook
from rules.entry import Entry
from rules.load import load_book
from rules.shelf import Shelf
from rules.weigh import weigh
from rules.yaml_lines import FaultyFile
from tests.rules.given import FILE, POLICY, TEXT, WHOLE
from tests.rules.test_book import CHAIR

SHARED = 'value-set: chairs\ntitle: Bath chairs\ncodes: {HCPCS: ["E0240-E0249"]}\n'


@pytest.fixture
def checked(monkeypatch):
    """The files that were checked, in order."""
    seen, check = [], load._checked

    def noted(text, file, *rest, **options):
        seen.append(file)
        return check(text, file, *rest, **options)

    monkeypatch.setattr(load, "_checked", noted)
    return seen


@pytest.fixture
def folder(tmp_path):
    generate(tmp_path / "book", 5)
    return tmp_path / "book"


def test_a_second_start_checks_nothing_and_says_the_same(folder, tmp_path, checked):
    first = load_book(folder, Shelf(tmp_path / "shelf"))
    assert len(checked) == len(first)
    checked.clear()
    second = load_book(folder, Shelf(tmp_path / "shelf"))
    assert checked == []
    assert second.entries == first.entries
    for one, other in zip(load_book(folder), second, strict=True):
        assert one == other
    outcomes = [weigh(book.in_force([OXYGEN], DAY)[0], EVIDENCE) for book in (load_book(folder), first, second)]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0].said == "certify for 12 months"


def test_after_a_change_only_the_changed_policy_is_checked(folder, tmp_path, checked):
    load_book(folder, Shelf(tmp_path / "shelf"))
    file = folder / "generated-3" / "2026.1.yaml"
    file.write_text(file.read_text().replace("A generated policy", "A changed policy"))
    checked.clear()
    book = load_book(folder, Shelf(tmp_path / "shelf"))
    assert checked == ["generated-3/2026.1.yaml"]
    assert book.version("generated-3", "2026.1").title == "A changed policy, number 3"


def test_all_of_the_language_is_kept(tmp_path):
    file = tmp_path / "book" / FILE
    file.parent.mkdir(parents=True)
    file.write_text(TEXT)
    for _ in range(2):
        kept = load_book(tmp_path / "book", Shelf(tmp_path / "shelf")).version("therapy", "1")
        assert kept == POLICY
        assert weigh(kept, WHOLE) == weigh(POLICY, WHOLE)


def checked_again(tmp_path, checked, beside, more):
    """The files that are checked at a second start, and at a third after ``beside`` was written on."""
    seen = []
    for text in ("", more):
        with (tmp_path / beside).open("a") as file:
            file.write(text)
        load_book(tmp_path, Shelf(tmp_path / "shelf"))
        seen.append(list(checked))
        checked.clear()
    return seen


def test_a_policy_is_checked_again_where_its_value_set_has_changed(tmp_path, checked):
    for name in ("a", "value-sets"):
        (tmp_path / name).mkdir()
    (tmp_path / "value-sets" / "chairs.yaml").write_text(SHARED)
    (tmp_path / "a" / "1.yaml").write_text(CHAIR.format(id="a", codes="{value-sets: [chairs]}", more=""))
    load_book(tmp_path, Shelf(tmp_path / "shelf"))
    checked.clear()
    assert checked_again(tmp_path, checked, "value-sets/chairs.yaml", "# more\n") == [[], ["a/1.yaml"]]


def test_a_policy_is_checked_again_where_its_table_has_changed(tmp_path, checked):
    text = CHAIR.format(id="a", codes='{HCPCS: ["E0240"]}', more="facts: {age: {type: number, patient: age}}")
    text = text.replace("decisions: [", "decisions: [{table: 1.ages.csv}, ")
    text = text.replace("cases: [", "cases: [{name: old, given: {age: 91}, expect: not-covered}, ")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.yaml").write_text(text)
    (tmp_path / "a" / "1.ages.csv").write_text("%age,then,say\n> 90,not-covered,Excluded by the table.\n")
    load_book(tmp_path, Shelf(tmp_path / "shelf"))
    checked.clear()
    more = "> 80,not-covered,Excluded as well.\n"
    assert checked_again(tmp_path, checked, "a/1.ages.csv", more) == [[], ["a/1.yaml"]]


@pytest.mark.parametrize("damage", [
    lambda _: b"",
    lambda content: content[:-5],
    lambda content: content.replace(b'"priority":0', b'"priority":"high"'),
    lambda content: content.replace(b'"entry"', b'"entrance"'),
    lambda _: b"\x00" * 500,
], ids=["empty", "short", "of another type", "another key", "zeros"])  # fmt: skip
def test_a_damaged_record_is_made_anew(folder, tmp_path, checked, damage):
    whole = load_book(folder, Shelf(tmp_path / "shelf"))
    for file in (tmp_path / "shelf").rglob("*"):
        if file.is_file():
            file.write_bytes(damage(file.read_bytes()))
    checked.clear()
    again = load_book(folder, Shelf(tmp_path / "shelf"))
    assert list(again) == list(whole)


def test_a_disk_that_takes_nothing_costs_time_only(folder, tmp_path):
    (tmp_path / "shelf").write_text("a file where the folder should be")
    assert load_book(folder, Shelf(tmp_path / "shelf")).in_force([OXYGEN], DAY)


def test_a_faulty_policy_is_refused_from_the_shelf_too(folder, tmp_path):
    load_book(folder, Shelf(tmp_path / "shelf"))
    (folder / "generated-3" / "2026.1.yaml").write_text("policy: [")
    with pytest.raises(FaultyFile):
        load_book(folder, Shelf(tmp_path / "shelf"))


def test_progress_is_told(folder):
    told = []
    load_book(folder, progress=lambda count, of: told.append((count, of)))
    assert told == [(count, len(told)) for count in range(1, len(told) + 1)]


def test_a_policy_stays_closed_until_it_is_asked_for():
    def opened():
        raise AssertionError("opened")

    book = PolicyBook([Entry.of(POLICY, opened=opened)])
    assert [entry.title for entry in book.entries] == ["Therapeutic exercise visits"]
    assert book.in_force([OXYGEN], DAY) is None
    with pytest.raises(AssertionError, match="opened"):
        book.version("therapy", "1")
