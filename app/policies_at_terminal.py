"""How is what policy staff ask for read at a terminal? Explanations, cases and simulations, as rich draws them."""

from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table

from rules.casework import Casework
from rules.explain import Explanation

_ANSWERS = {"yes": "[green]yes[/]", "no": "[red]no[/]", "missing": "[yellow]missing[/]"}
_SHOWN_IDS = 20


def explanation(told: Explanation) -> Group:
    """Return an explanation as it is read at a terminal."""
    facts = _table("Fact", "Value", "From")
    for line in told.facts:
        value = "[yellow]missing[/]" if line.value is None else escape(line.value)
        facts.add_row(escape(line.name), value, escape(line.source))
    criteria = _table("Criterion", "Answer", "In words")
    for criterion in told.criteria:
        criteria.add_row(escape(criterion.name), _ANSWERS[criterion.answer], escape(criterion.words))
    rows = _table("Row", "Then", "Why")
    for row in told.rows:
        style = {"won": "bold green", "passed": "dim", "below": "dim"}[row.state]
        rows.add_row(
            f"{'→ ' if row.state == 'won' else '  '}{row.number}", escape(row.then), escape(row.because), style=style
        )
    words: list[Any] = [f"[bold]{escape(told.title)}[/] ({escape(told.policy)} {escape(told.version)})", ""]
    words += [
        part for table, lines in ((facts, told.facts), (criteria, told.criteria)) if lines for part in (table, "")
    ]
    words += [rows, "", f"[bold]{escape(told.follows)}[/]"]
    say = told.rows[told.row - 1].say
    words += [escape(say)] if say else []
    words += [f"Asked for: {escape(one)}" for one in told.asked]
    words += [f"[yellow]Note:[/] {escape(note)}" for note in told.notes]
    words += [f"Pinned to this version by promise {escape(told.promise)}"] if told.promise else []
    return Group(*words, "")


def cases(done: Casework) -> Group:
    """Return how a policy's own cases went."""
    table = _table("", "Case", "Expected", "Decided", "Row")
    for one in done.results:
        mark, style = ("[green]✓[/]", "") if one.passed else ("[red]✗[/]", "bold red")
        decided = "" if one.passed else escape(one.said)
        table.add_row(
            mark, escape(one.case.name), escape(str(one.case.expect)), decided, str(one.outcome.row), style=style
        )
    unreached = [f"[red]No case reaches row {row}: add one to 'cases'.[/]" for row in done.unreached]
    return Group(f"[bold]{escape(str(done.policy))}[/]  {escape(done.policy.title)}", table, *unreached, "")


def tell_simulation(out: Console, report: Any, *, every_id: bool) -> None:
    """Print what a simulation found; ``every_id`` names all cases that would go otherwise, not the first few."""
    if report.changes:
        table = _table("Policy", "Was decided", "Would be decided", "Items")
        for (policy, then, now), count in report.changes.most_common():
            table.add_row(escape(policy), escape(str(then)), escape(str(now)), str(count))
        out.print(table)
    for change, cases in report.cases.items():
        shown = cases if every_id else cases[:_SHOWN_IDS]
        more = f" and {len(cases) - len(shown)} more (--ids shows them)" if len(cases) > len(shown) else ""
        out.print(f"{escape(change[0])}, {change[1].action} → {change[2].action}: {' '.join(shown)}{more}", style="dim")
    for words, count in report.reworded.most_common():
        out.print(f"{count} decided the same by another row: {escape(words)}")
    for reason, count in report.unreadable.most_common():
        out.print(f"{count} submissions were not weighed: {escape(reason)}", style="yellow")
    changed = sum(report.changes.values())
    out.print(
        f"[bold]{report.submissions} submissions, {report.items} items weighed; {changed} would have been decided"
        f" otherwise.[/] Nothing was changed."
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(name, overflow="fold", justify="right" if name == "Items" else "left")
    return table


def many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def console() -> Console:
    return Console(highlight=False, soft_wrap=False)
