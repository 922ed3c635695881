"""What every test may use, and the record of which requirement each one proves."""

import json
from pathlib import Path

import pytest
from hypothesis import settings

from tests.conformance import divergences

settings.register_profile("house", deadline=None)  # no test asserts a time; a busy machine is no fault
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent
_OUTCOMES = {"passed": "passed", "failed": "failed", "skipped": "skipped"}


class Proofs:
    """Collects outcomes by requirement; a whole run, and no narrower one, writes build/conformance.json at its end."""

    def __init__(self):
        self.outcomes: dict[str, dict[str, list[str]]] = {}

    def pytest_collection_modifyitems(self, items):
        for item in items:
            ids = [one for mark in item.iter_markers("requirement") for one in mark.args]
            if len(ids) > 3:
                raise pytest.UsageError(f"{item.nodeid} names more than three requirements")
            item.user_properties += [("requirement", one) for one in ids]  # they travel with the report

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            for one in (value for name, value in report.user_properties if name == "requirement"):
                entry = self.outcomes.setdefault(one, {"passed": [], "failed": [], "skipped": []})
                entry[_OUTCOMES[report.outcome]].append(report.nodeid)

    def pytest_sessionfinish(self, session):
        if hasattr(session.config, "workerinput"):
            return  # the process that gathers all reports writes
        if not _is_whole(session.config):
            return  # what was left out is not unproven
        for one, reason in divergences().items():
            self.outcomes.setdefault(one, {})["divergent"] = reason
        target = ROOT / "build" / "conformance.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(dict(sorted(self.outcomes.items())), indent=1))


def _is_whole(config):
    """Tell whether all tests were run: neither a path nor a name nor a marker has left any out."""
    named, option = config.args_source is pytest.Config.ArgsSource.ARGS, config.option
    return not (named or option.keyword or option.markexpr or option.collectonly)


def pytest_configure(config):
    config.pluginmanager.register(Proofs(), "proofs")


pytest_plugins = ["tests.app.fixtures"]
