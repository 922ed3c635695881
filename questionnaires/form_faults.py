"""Which files in the folder of forms are none, and what do they lack? Told to their authors, as policies are."""

from collections.abc import Iterator
from pathlib import Path

from fhir_r4.problems import Problem
from fhir_r4.resource import kind
from fhir_r4.wire import read_object
from questionnaires.catalog import ELM
from rules.yaml_lines import Fault

_OF_ANY = {  # what a file has, and what that is
    "url": "its canonical, such as https://acmehealth.example/Questionnaire/shower-chair",
    "id": "a policy names it so, shower-chair",
    "version": 'in quotes, "2026.1"',
}
_OF_A_FORM = _OF_ANY | {
    "name": "a word for programs, ShowerChair",
    "title": "what people call it",
}


def form_file_faults(folder: Path) -> Iterator[Fault]:
    """Yield what is wrong with the files of ``<form>/<version>.json`` and the logic beside them."""
    for file in sorted(folder.glob("*/*.json")):
        if not file.name.endswith(ELM):
            yield from (Fault(_place(file), 1, *said) for said in _lacks(file))
    for file in sorted(folder.glob("*/*.cql")):
        for suffix in (".json", ELM):
            if not file.with_suffix(suffix).is_file():
                yield Fault(
                    _place(file), 1, f"there is no {file.stem}{suffix} beside it", "compile it, or take it away"
                )


def _lacks(file: Path) -> Iterator[tuple[str, str]]:
    try:
        form = read_object(file.read_bytes())
    except Problem as refused:
        yield refused.issues[0].diagnostics, "write a Questionnaire of FHIR R4 in JSON"
        return
    wanted = _OF_A_FORM if kind(form) == "Questionnaire" else _OF_ANY
    for key in filter(lambda one: one not in form, wanted):
        yield f"there is no '{key}'", f"add '{key}': {wanted[key]}"


def _place(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
