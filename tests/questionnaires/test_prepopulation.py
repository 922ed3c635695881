"""What our forms get from the record is counted, and the page that tells it is true."""

import re

from tests.questionnaires.prepopulation import AIM, PAGE, WHY, forms, fullest, page, patients, record, rows


def test_the_page_tells_what_the_forms_get_from_the_records():
    """docs/prepopulation.md is made by ``python -m tests.questionnaires.prepopulation``, or with ``make docs``."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_below_the_aim_the_page_says_of_every_question_that_is_left_why_it_is():
    """A form that reaches it later has nothing to explain any more."""
    below = {form["id"] for form in forms() if fullest(form["id"]).share < AIM}
    assert WHY.keys() == below
    for name in below:
        assert set(fullest(name).left) <= named(WHY[name]), name


def named(words):
    """Return the linkIds that a sentence names: "2.1 to 2.3 and 3.5" are four."""
    found = set()
    for first, last in re.findall(r"(\d\.\d)(?: to (\d\.\d))?", words):
        group, start = first.split(".")
        found |= {f"{group}.{number}" for number in range(int(start), int((last or first)[-1]) + 1)}
    return found


def test_every_form_is_counted_over_every_patient_and_has_two_for_whom_it_is_needed():
    assert len(rows()) == len(forms()) * len(patients()) == len(forms()) * 20
    for form in forms():
        drafted = [one for one in rows() if one.form == form["id"] and one.order]
        assert len(drafted) >= 2, form["id"]
        assert all(record().get(one.order) for one in drafted)


def test_every_question_is_either_answered_or_left_to_the_clinician():
    for one in rows():
        assert len(one.answered) + len(one.left) == one.questions
        assert not one.answered & set(one.left)


def test_a_full_record_answers_at_least_what_a_sparse_one_does():
    """The first patient of a policy in the table of records is the full one."""
    table = (PAGE.parents[1] / "fixtures/ehr/README.md").read_text(encoding="utf-8")
    for form in forms():
        drafted = [one for one in rows() if one.form == form["id"] and one.order]
        drafted.sort(key=lambda one: table.index(f"| {one.order} |"))
        if form["id"] != "home-oxygen":  # there the second is as full: its order came with the first demo
            assert len(drafted[0].answered) == max(len(one.answered) for one in drafted)
