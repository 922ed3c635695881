"""What was checked once is not checked again, whatever the book's size; what was changed is, and only that."""

import pytest

from bench.policies import DAY, EVIDENCE, OXYGEN, generate
from rules import cold, load
from rules import shelf as shelves
from rules.book import PolicyBook
from rules.entry import Entry
from rules.load import load_book
from rules.read_codes import VALUE_SETS
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


def test_while_a_book_is_at_work_only_what_has_changed_is_read_again(folder, tmp_path, checked, monkeypatch):
    shelf, read = Shelf(tmp_path / "shelf"), []
    first = load_book(folder, shelf)
    file = folder / "generated-3" / "2026.1.yaml"
    file.write_text(file.read_text().replace("A generated policy", "A changed policy"))
    checked.clear()
    record = shelves._record
    monkeypatch.setattr(shelves, "_record", lambda one: read.append(one) or record(one))
    second = load_book(folder, shelf)
    assert checked == ["generated-3/2026.1.yaml"]
    assert len({*read}) == 1
    same = [one is other for one, other in zip(first.entries, second.entries, strict=True)]
    assert same.count(False) == 1


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(cold, "MANY", 3)
    monkeypatch.setattr(cold, "cores", lambda: 2)


@pytest.mark.usefixtures("two_cores")
def test_a_large_book_is_checked_by_helpers_and_by_each_once(folder, tmp_path, checked):
    faulty = folder / "generated-2" / "2026.1.yaml"
    faulty.write_text(faulty.read_text().replace("then: certify", "then: certfy", 1))
    told = []
    with pytest.raises(FaultyFile) as refused:
        load_book(folder, Shelf(tmp_path / "shelf"), lambda count, of: told.append((count, of)))
    assert {fault.file for fault in refused.value.faults} == {"generated-2/2026.1.yaml"}
    assert checked == ["generated-2/2026.1.yaml"]  # here; the helpers have kept the others
    files = sum(file.parent.name != VALUE_SETS for file in folder.glob("*/*.yaml"))
    assert told[-1] == (files, files)


@pytest.mark.usefixtures("two_cores")
def test_where_no_helper_can_be_had_it_is_checked_alone(folder, tmp_path, checked, monkeypatch):
    def none_here(*_, **__):
        raise OSError("no semaphores")

    monkeypatch.setattr(cold, "ProcessPoolExecutor", none_here)
    assert len(load_book(folder, Shelf(tmp_path / "shelf"))) == len(checked)
