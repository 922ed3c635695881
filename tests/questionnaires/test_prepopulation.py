"""What our forms get from the record is counted, and the page that tells it is true."""

from tests.questionnaires.prepopulation import PAGE, forms, page, patients, record, rows


def test_the_page_tells_what_the_forms_get_from_the_records():
    """docs/prepopulation.md is made by ``python -m tests.questionnaires.prepopulation``, or with ``make docs``."""
    assert PAGE.read_text(encoding="utf-8") == page()


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
