"""How is ``docs/library.md`` made? From the policies and forms themselves: ``python -m tests.library_page``."""

from pathlib import Path

from questionnaires.catalog import Catalog, load_catalog, questions
from rules.book import PolicyBook
from rules.decisions import Row, Then
from rules.explain import outcome_in_words
from rules.load import load_book
from rules.policy import Policy, Status
from rules.wording import listed

HOUSE = Path(__file__).resolve().parent.parent
PAGE = HOUSE / "docs" / "library.md"
_HEAD = """# The library

Made by `python -m tests.library_page`; do not edit.

{count} policies and {forms} forms ship with priorauth, in `rules/policies/` and `questionnaires/forms/`. They are
written in our own words from public coverage documents, and need their policy owner's check before use; the plan's own
figures in them, such as visits that are certified at once, are Acme Health's, which does not exist. What is not
certified at once waits for a person. [How to write a policy](policies.md).

| policy | department | codes | certified at once | form | questions |
|---|---|---|---|---|--:|
"""


def page(book: PolicyBook, catalog: Catalog) -> str:
    """Return the page: a table of the newest active version of each policy, then what each says and rests on."""
    policies = sorted(_newest(book), key=lambda one: (_department(one), one.title))
    named = {one.at_order_time.questionnaire for one in policies} - {None}
    head = _HEAD.format(count=len(policies), forms=len(named))
    rows = [_row(policy, catalog) for policy in policies]
    return head + "\n".join(rows) + "\n" + "".join(_section(policy) for policy in policies)


def _newest(book: PolicyBook) -> list[Policy]:
    active = (policy for policy in book if policy.identity.status is Status.ACTIVE)
    newest: dict[str, Policy] = {}
    for policy in sorted(active, key=lambda one: one.effective):
        newest[policy.id] = policy
    return list(newest.values())


def _department(policy: Policy) -> str:
    return (policy.identity.owner or "").rpartition(", ")[2]


def _row(policy: Policy, catalog: Catalog) -> str:
    form, count = "none", ""
    if name := policy.at_order_time.questionnaire:
        found = catalog.named(name)
        form = f"[{found['title']}](../questionnaires/forms/{found['id']}/{found['version']}.json)"
        count = str(asked(found))
    cells = (f"[{policy.title}](#{policy.id})", _department(policy), _codes(policy), _at_once(policy), form, count)
    return f"| {' | '.join(cells)} |"


def asked(form: dict) -> int:
    """Return how many questions a form has; groups and displays are none."""
    return sum(item.get("type") not in {"group", "display"} for item in questions(form).values())


def _codes(policy: Policy) -> str:
    return "; ".join(f"{system} {', '.join(codes)}" for system, codes in policy.applies_to.written.items())


def _at_once(policy: Policy) -> str:
    """Return what its rows certify or set free, each once."""
    free = [_freely(row) for row in policy.rows if row.then in {Then.CERTIFY, Then.NO_AUTH}]
    return "; ".join(dict.fromkeys(free)) or "nothing"


def _freely(row: Row) -> str:
    """Return for how long and how many; a number that the facts tell is counted by the policy."""
    if row.amount and not row.amount.written.isdigit():
        return f"a counted number for {row.period}"
    return outcome_in_words(row).partition(";")[0].removeprefix("certify ")


def _section(policy: Policy) -> str:
    kinds = listed(sorted(policy.applies_to.orders), "or") or "any order"
    queues = sorted({row.queue for row in policy.rows if row.queue} | _of_rests(policy))
    file = f"../rules/policies/{policy.id}/{policy.version}.yaml"
    parts = [f"\n## {policy.id}\n", f"{policy.title}, version [{policy.version}]({file}), for {kinds}."]
    if policy.guideline:
        parts.append("\n" + policy.guideline.detail.partition("\n\n")[2].rstrip())
    if queues:
        parts.append(f"\nWhat waits for a person waits in {listed([f'`{one}`' for one in queues], 'or')}.")
    parts.append("\nIt rests on:\n")
    parts += [f"- [{source.cite}]({source.url})" for source in policy.sources]
    return "\n".join(parts) + "\n"


def _of_rests(policy: Policy) -> set[str]:
    return {row.rest.queue for row in policy.rows if row.rest and row.rest.queue}


def made() -> str:
    """Return the page of what ships."""
    return page(load_book(HOUSE / "rules" / "policies"), load_catalog(HOUSE / "questionnaires" / "forms"))


if __name__ == "__main__":
    PAGE.write_text(made(), encoding="utf-8")
    print(PAGE.relative_to(HOUSE))  # noqa: T201
