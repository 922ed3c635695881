"""Which EHRs may launch the DTR app, and which payers does it ask for forms? ``dtr.yaml`` in the data folder says.

::

    client: dtr-app                       # our client_id at every payer
    renderer: lhc-forms                   # or plain, which is also what there is without LHC-Forms
    ehrs:
      - iss: https://ehr.example.org/fhir
        name: Riverside Clinic
        client: priorauth-dtr
        frames: ["https://ehr.example.org"]   # origins of its pages that show the app in a frame; none where left out
    payers:
      - {name: Acme Health, base: "https://pa.acme.example/fhir/2.2", version: "2.2", identifiers: ["urn:oid:…|00099"]}

No other server launches it, and no other payer hears of an order. Ours is one payer among them: the app finds it by
the coverage as it finds any other (DTR 2.2, spec-1: no preference for one's own app).
"""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jsonschema import Draft202012Validator

from fhir_r4.generations import Generation
from fhir_r4.resource import Identifier
from rules.yaml_lines import FaultyFile, read_yaml

SCOPES = "openid fhirUser launch launch/patient patient/*.rs patient/QuestionnaireResponse.cu patient/Task.cu"


@dataclass(frozen=True, slots=True)
class RegisteredEhr:
    """An EHR that launches the app.

    Attributes:
        iss: its FHIR base.
        client: the app's client_id there.
        frames: origins of its pages that may show the app in a frame.
    """

    iss: str
    name: str
    client: str
    scopes: str = SCOPES
    frames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegisteredPayer:
    """A payer that is asked for forms; ``identifiers`` are those of ``Coverage.payor``."""

    name: str
    base: str
    generation: Generation
    identifiers: frozenset[Identifier]


@dataclass(frozen=True, slots=True)
class Registered:
    """All that the app knows of others.

    Attributes:
        plain: forms are drawn with plain controls also where LHC-Forms is here.
    """

    client: str
    ehrs: tuple[RegisteredEhr, ...]
    payers: tuple[RegisteredPayer, ...]
    plain: bool = False

    @property
    def frames(self) -> tuple[str, ...]:
        """Return all origins that may show the app in a frame."""
        return tuple(dict.fromkeys(origin for ehr in self.ehrs for origin in ehr.frames))

    def ehr(self, iss: str) -> RegisteredEhr | None:
        """Return the EHR with this FHIR base; a slash at the end does not matter."""
        return next((one for one in self.ehrs if one.iss == iss.rstrip("/")), None)

    def payer(self, held: frozenset[Identifier]) -> RegisteredPayer | None:
        """Return the payer that has one of these identifiers."""
        return next((one for one in self.payers if one.identifiers & held), None)

    def payer_named(self, name: str) -> RegisteredPayer | None:
        return next((one for one in self.payers if one.name == name), None)


def load_registered(file: Path) -> Registered:
    """Return what ``dtr.yaml`` says; FaultyFile with every fault and its line."""
    document = read_yaml(file.read_text(encoding="utf-8"), file.name)
    schema = json.loads(resources.files("app.dtr").joinpath("dtr.schema.json").read_text("utf-8"))
    errors = Draft202012Validator(schema).iter_errors(document.data)
    if faults := [document.fault(tuple(error.absolute_path), error.message) for error in errors]:
        raise FaultyFile(faults)
    return Registered(
        document.data["client"],
        tuple(RegisteredEhr(**one | {"frames": tuple(one.get("frames", ()))}) for one in document.data["ehrs"]),
        tuple(
            RegisteredPayer(
                one["name"],
                one["base"],
                Generation(one["version"]),
                frozenset(map(Identifier.parse, one["identifiers"])),
            )
            for one in document.data["payers"]
        ),
        document.data.get("renderer") == "plain",
    )
