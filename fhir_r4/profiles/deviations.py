"""Where is a published package known to be wrong?

Each entry is named, and ``Profiles(..., strict={name})`` enforces the published text after all. Nothing is passed
over that does not stand here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fhir_r4.profiles.rules import Rule, extended, values

_PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One known defect.

    Attributes:
        why: what is wrong in the package, and what is done instead.
        places: an extension's URL and where it is taken although its contexts do not say so: elements, or the URLs
            of extensions around it.
        rule: the name of an invariant, and what its published expression really says.
        codes: a value set's URL, a system, and a code of it that is taken as well.
    """

    name: str
    why: str
    places: tuple[tuple[str, tuple[str, ...]], ...] = ()
    rule: tuple[str, Callable[[Any, dict], bool]] | None = None
    codes: tuple[tuple[str, str, str], ...] = ()


def _ci_q2_as_published(extension: Any, _: dict) -> bool:
    """An empty left side makes ``implies`` empty, which counts as a failure: pa-needed is always needed."""
    return extended(extension, "pa-needed")


def _ci_q4_as_published(extension: Any, _: dict) -> bool:
    """With an empty left side only a true right side holds: withpa is never allowed."""
    return "withpa" not in values(extension, "doc-purpose")


def _pas(places: dict[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return extensions of PAS, by the tail of their URL, with the places they are taken at."""
    return tuple((f"{_PAS}/{tail}", tuple(listed.split())) for tail, listed in places.items())


_V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
_AUTHORIZED_DETAIL = f"{_PAS}/extension-itemAuthorizedDetail"
_AUTHORIZED_PROVIDER = f"{_PAS}/extension-itemAuthorizedProvider"
_TIMING = "ServiceRequest.occurrence DeviceRequest.occurrence NutritionOrder.oralDiet.schedule Timing"

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "pas-contexts-of-the-request",
        "PAS slices these into Claim or uses them there, but their contexts do not name the place",
        places=_pas(
            {
                "extension-infoChanged": "Claim.supportingInfo",
                "modifierextension-infoCancelled": "Claim.supportingInfo",
                "extension-administrationReferenceNumber": "Claim",
                "extension-authorizationNumber": "Claim",
                "extension-productOrServiceCodeEnd": "ServiceRequest",
                "extension-timingcalendarpattern": _TIMING,
                "extension-timingdeliverypattern": _TIMING,
            }
        ),
    ),
    Deviation(
        "pas-contexts-of-the-response",
        "PAS slices these into ClaimResponse or uses them there, but their contexts do not name the place",
        places=_pas(
            {
                "extension-administrationReferenceNumber": "ClaimResponse.item",
                "extension-certificationType": "ClaimResponse.addItem",
                "extension-communicatedDiagnosis": "ClaimResponse.item",
                "extension-itemAuthorizedProvider": "ClaimResponse",
                "extension-productOrServiceCodeEnd": "ClaimResponse.addItem",
                "extension-revenueUnitRateLimit": "ClaimResponse.addItem",
                "extension-serviceItemRequestType": "ClaimResponse.addItem",
            }
        ),
    ),
    Deviation(
        "pas-contexts-inside-extensions",
        "PAS slices these into its own complex extensions, but their contexts name resources only",
        places=_pas(
            {
                "extension-authorizedProviderType": _AUTHORIZED_PROVIDER,
                "extension-epsdtIndicator": _AUTHORIZED_DETAIL,
                "extension-nursingHomeLevelOfCare": _AUTHORIZED_DETAIL,
                "extension-nursingHomeResidentialStatus": _AUTHORIZED_DETAIL,
                "extension-productOrServiceCodeEnd": _AUTHORIZED_DETAIL,
                "extension-requestedService": _AUTHORIZED_DETAIL,
                "extension-revenueCode": _AUTHORIZED_DETAIL,
                "extension-revenueUnitRateLimit": _AUTHORIZED_DETAIL,
                "extension-reviewActionCode": f"{_PAS}/extension-reviewAction",
            }
        ),
    ),
    Deviation(
        "crd-contexts",
        "CRD 2.0.1 slices coverage-information into appointments and vision prescriptions; its contexts name neither",
        places=(
            (
                "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information",
                ("Appointment", "VisionPrescription"),
            ),
        ),
    ),
    Deviation(
        "sdc-contexts",
        "SDC, and DTR after it, slices weights into answers and renderings into answer options; contexts name neither",
        places=(
            ("http://hl7.org/fhir/StructureDefinition/itemWeight", ("QuestionnaireResponse.item.answer",)),
            ("http://hl7.org/fhir/StructureDefinition/ordinalValue", ("QuestionnaireResponse.item.answer",)),
            ("http://hl7.org/fhir/StructureDefinition/rendering-xhtml", ("Questionnaire.item.answerOption.value",)),
        ),
    ),
    Deviation(
        "crd-ci-q2-2.0.1",
        "as published it fails wherever pa-needed is absent; meant, and checked, is: unless not covered",
        rule=("crd-ci-q2:extension.where(url = 'covered' and value != ", _ci_q2_as_published),
    ),
    Deviation(
        "crd-ci-q4-2.2.1",
        "as published it fails on every withpa; meant, and checked, is: where no authorization is needed",
        rule=("crd-ci-q4:extension.where(url = 'pa-needed' and (value", _ci_q4_as_published),
    ),
    Deviation(
        "member-number-type",
        "CRD and US Core fix the type of a member number (MB) by pattern; the extensible value set has it not",
        codes=(("http://hl7.org/fhir/ValueSet/identifier-type", _V2_0203, "MB"),),
    ),
)


class Deviations:
    """The table with some entries switched off, so that the published text is enforced there."""

    def __init__(self, strict: Iterable[str] = ()) -> None:
        off = set(strict)
        unknown = off - {deviation.name for deviation in DEVIATIONS}
        if unknown:
            raise ValueError(f"no such deviation: {', '.join(sorted(unknown))}")
        self._places: dict[str, set[str]] = {}
        self._rules: dict[str, Callable[[Any, dict], bool]] = {}
        self.codes = [code for one in DEVIATIONS if one.name not in off for code in one.codes]
        self.displaced = {url for one in DEVIATIONS if one.name in off for url, _ in one.places}
        for deviation in DEVIATIONS:
            if deviation.name not in off:
                for url, places in deviation.places:
                    self._places.setdefault(url, set()).update(places)
            elif deviation.rule is not None:
                self._rules[deviation.rule[0]] = deviation.rule[1]

    def allows(self, url: str, places: set[str]) -> bool:
        """Tell whether an extension is taken at a place that its context does not name."""
        return not places.isdisjoint(self._places.get(url, ()))

    def holds(self, rule: Rule) -> Callable[[Any, dict], bool]:
        """Return how a rule is checked: as meant, or as published where that was asked for."""
        return self._rules.get(rule.name, rule.holds)
