"""The pages for people are true where that can be checked: their links lead somewhere, their commands are there, and
what an operator may write in payer.yaml is told. And the command line says of itself what it does.
"""

import json
import re
import shlex

import click
import pytest
from click.testing import CliRunner

from app.cli import main
from tests.given import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SCHEMA = json.loads((ROOT / "app" / "payer.schema.json").read_text("utf-8"))


def named(pages):
    return pytest.mark.parametrize("page", pages, ids=[str(one.relative_to(ROOT)) for one in pages])


def anchors(text):
    """Return the anchors of a page's headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def commands(text):
    """Yield the words of each command line of ours in a page, as a shell would split them."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.partition(" # ")[0].split("&&"):
                if part.split()[:1] == ["priorauth"]:
                    yield shlex.split(part)[1:]
    for span in re.findall(r"`priorauth ([^`]+)`", text):
        yield span.split()


def faults(words):
    """Yield what is wrong with a command line: a verb or an option that there is not."""
    command, rest = main, list(words)
    while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
        found = command.commands.get(rest[0])
        if found is None:
            yield f"there is no command {rest[0]!r}"
            return
        command, rest = found, rest[1:]
    known = {spelt for one in command.params for spelt in [*one.opts, *one.secondary_opts]} | {"--help"}
    yield from (f"{command.name} has no {word}" for word in rest if word.startswith("--") and word not in known)


def every_command(group=main, path="priorauth"):
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{path} {name}")


COMMANDS = dict(every_command())
GROUPS = {"priorauth": main} | {name: one for name, one in COMMANDS.items() if isinstance(one, click.Group)}


@named(PAGES)
def test_each_link_within_the_project_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if "://" not in target:
            file = page.parent / path if path else page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file.read_text("utf-8")), target


@named(PAGES)
def test_each_command_that_a_page_names_is_there(page):
    for words in commands(page.read_text("utf-8")):
        assert list(faults(words)) == [], words


@pytest.mark.parametrize(
    ("words", "fault"),
    [("cleint add", "there is no command 'cleint'"), ("client add x --scopes y", "add has no --scopes")],
)
def test_a_command_that_is_not_there_is_noticed(words, fault):
    (said,) = faults(words.split())
    assert said == fault


def test_each_key_of_payer_yaml_is_told_to_the_operator():
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    payer = SCHEMA["properties"]["payers"]["items"]["properties"]
    parts = [payer, *(payer[name]["items"]["properties"] for name in ("plans", "documents", "decision-reasons"))]
    for key in {key for part in parts for key in part}:
        assert f"`{key}`" in page, key


def test_each_event_of_the_log_is_told_to_the_operator():
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    told = re.compile(r"log\.(?:info|warning|error|exception)\(\s*\"([a-z.-]+)\"")
    sources = [file.read_text("utf-8") for file in (ROOT / "app").rglob("*.py")]
    events = {event for text in sources for event in told.findall(text)}
    assert {"request", "job.dead"} <= events
    for event in events:
        assert f"`{event}`" in page, event


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_a_list_of_commands_says_of_each_what_it_does_in_a_whole_sentence(group):
    shown = CliRunner().invoke(group, ["--help"], terminal_width=80).output
    assert not [line for line in shown.splitlines() if line.endswith("...") and "[ARGS]" not in line]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_option_says_what_it_means(command):
    for one in command.params:
        assert isinstance(one, click.Argument) or one.help, one.name
