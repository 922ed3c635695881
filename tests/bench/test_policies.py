"""The generated book is what it says, and its section takes the place of its earlier self."""

from bench.policies import TITLE, generate, with_section
from rules.load import load_book


def test_a_generated_policy_has_five_facts_and_four_criteria_of_its_own(tmp_path):
    generate(tmp_path / "book", 20)
    made = [policy for policy in load_book(tmp_path / "book") if policy.id.startswith("generated")]
    assert len(made) == 20
    assert {(len(policy.facts), len(policy.criteria)) for policy in made} == {(5, 4)}
    assert len({one.question for policy in made for one in policy.criteria}) == 80


def test_a_section_takes_the_place_of_its_earlier_self():
    page = "# Page\n\ntext\n"
    once = with_section(page, f"{TITLE}\none\n")
    assert once == f"# Page\n\ntext\n\n{TITLE}\none\n"
    assert (
        with_section(once + "\n## Next\n\nmore\n", f"{TITLE}\ntwo\n")
        == f"# Page\n\ntext\n\n{TITLE}\ntwo\n\n## Next\n\nmore\n"
    )
