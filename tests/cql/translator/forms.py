"""How does a form's CQL become the ELM beside it? ``python -m tests.cql.translator.forms``, when a form is written.

Every ``questionnaires/forms/<form>/<version>.cql`` is translated with the standard translator and kept as
``<version>.elm.json``; both are committed, and the service needs neither Node nor a translator.
"""

import json
from pathlib import Path

from tests.cql.translator.translate import HOUSE, pruned, translated

FORMS = HOUSE / "questionnaires" / "forms"


def sources() -> dict[str, Path]:
    """Return the CQL files by the name of their library."""
    return {path.read_text().split()[1]: path for path in sorted(FORMS.glob("*/*.cql"))}


def compiled() -> dict[Path, str]:
    """Return the ELM of each file as it is to be written; SystemExit with what the translator refuses."""
    texts = {name: path.read_text() for name, path in sources().items()}
    made = {}
    for name, answer in translated(texts, texts).items():
        if "errors" in answer:
            raise SystemExit(f"{name}: " + "\n".join(answer["errors"]))
        target = sources()[name].with_suffix(".elm.json")
        made[target] = json.dumps(pruned(answer["elm"]), indent=1, sort_keys=True) + "\n"
    return made


if __name__ == "__main__":
    for path, text in compiled().items():
        path.write_text(text)
        print(f"{path.relative_to(HOUSE)}: {len(text)} bytes")  # noqa: T201
