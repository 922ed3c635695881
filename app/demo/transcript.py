"""How is the story shown? Who asks whom, the request in a line, what came back, milliseconds, and whether it is so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@dataclass
class Transcript:
    """Prints as the story goes, and counts what did not go as told."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    steps: int = 0
    wrong: list[str] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{escape(title)}")

    def scene(self, text: str) -> None:
        self.console.print(f"\n[bold cyan]{escape(text)}")

    def call(self, who: str, whom: str, exchange: Mapping[str, Any]) -> None:
        """Show one HTTP exchange."""
        status = exchange["status"]
        colour = "green" if 200 <= status < 300 else "red"
        self.console.print(
            f"  {who} → {whom}  [dim]{exchange['method']}[/] {escape(exchange['url'])}"
            f"  [{colour}]{status}[/]  [dim]{exchange['milliseconds']} ms[/]"
        )
        self.console.print(f"    [dim]{escape(exchange['what'])}")

    def found(self, what: str, value: object) -> None:
        self.console.print(f"    {escape(what)}: [bold]{escape(str(value))}")

    def expect(self, what: str, holds: bool) -> None:
        """Say whether a step went as told; the last word of the demo counts these."""
        self.steps += 1
        if holds:
            self.console.print(f"    [green]✓[/] {escape(what)}")
        else:
            self.wrong.append(what)
            self.console.print(f"    [bold red]✗ {escape(what)}")

    def summary(self) -> int:
        """Print the last line and return the exit code."""
        self.console.print()
        if self.wrong or not self.steps:
            self.console.print(f"[bold red]{len(self.wrong)} of {self.steps} steps did not go as told")
            return 1
        self.console.print(f"[bold green]all {self.steps} steps went as told")
        return 0

    def addresses(self, rows: Mapping[str, str]) -> None:
        table = Table(title="Open now; end with Ctrl-C", title_justify="left", show_header=False)
        for what, address in rows.items():
            table.add_row(what, address)
        self.console.print(table)
