"""What does another UCUM library make of our units? Run as ``python -m tests.cql.translator.units``.

Keeps in ``fixtures/cql/units.json`` the magnitude of each unit in metres, seconds, grams, radians, kelvins, coulombs
and candelas and the exponents of these, as npm ``@lhncbc/ucum-lhc`` tells them.
"""

import json
import subprocess
from pathlib import Path

from fhir_r4.ucum import known_units
from tests.cql.translator.translate import FIXTURES, installed

COMPOSED = (
    "mg/dL mmol/L L/min 10*3/uL 10*9/L mm[Hg] kg/m2 ug/kg/min mL/min/{1.73_m2} /min g.m/s2 m3 cm2 ng/mL kcal/d U/L mU/L"
    " meq/L mosm/kg ug/h {score} mg/kg/d L/(min.m2) cm[H2O] 10*-3 m-2 1/d"
)


def told() -> dict[str, list]:
    done = subprocess.run(
        ["node", Path(__file__).with_name("units.mjs"), installed()],  # noqa: S607
        input=json.dumps(sorted({*known_units(), *COMPOSED.split()})),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: dict[str, list] = json.loads(done.stdout)
    return answers


if __name__ == "__main__":
    lines = ",\n".join(f"{json.dumps(code)}: {json.dumps(answer)}" for code, answer in told().items())
    (FIXTURES / "units.json").write_text("{\n" + lines + "\n}\n")
