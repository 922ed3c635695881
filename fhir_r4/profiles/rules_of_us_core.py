"""The invariants of US Core and HRex that are checked, on which the guides stand."""

from typing import Any

from fhir_r4.npi import checks, has_ten_digits
from fhir_r4.profiles.rules import Rule, any_of, coded, extended, has, matches, values, when
from fhir_r4.resource import as_dict, dicts
from fhir_r4.systems import ABSENT, IDENTIFIER_TYPE, MEMBER_NUMBER, UCUM


def _npi(identifier: Any, _: dict) -> bool:
    """Check the last digit of a National Provider Identifier; that it is ten digits is another's to say.

    >>> _npi({"value": "1234567893"}, {}), _npi({"value": "1234567890"}, {})
    (True, False)
    """
    value = as_dict(identifier).get("value")
    return not isinstance(value, str) or not has_ten_digits(value) or checks(value)


def _month_known(value: Any, _: dict) -> bool:
    return not isinstance(value, str) or len(value) >= 8


def _day_known(value: Any, _: dict) -> bool:
    return not isinstance(value, str) or len(value) >= 10


def _named_or_why_not(name: Any, _: dict) -> bool:
    reason = extended(name, ABSENT)
    return (has(name, "family") or has(name, "given")) != reason


def _observed(observation: Any, _: dict) -> bool:
    return any(has(observation, name) for name in ("component", "hasMember", "dataAbsentReason", "value[x]"))


def _member_known(coverage: Any, _: dict) -> bool:
    kinds = [one.get("type") for one in dicts(as_dict(coverage).get("identifier"))]
    return coded(kinds, IDENTIFIER_TYPE, {MEMBER_NUMBER}) or has(coverage, "subscriberId")


def _asked_or_unknown(extension: Any, _: dict) -> bool:
    categories = values(extension, "ombCategory")
    return not any(as_dict(c).get("code") in ("ASKU", "UNK") for c in categories) or len(categories) == 1


def _ucum(quantity: Any, _: dict) -> bool:
    system = as_dict(quantity).get("system")
    return system is None or system == UCUM


_FINAL = {"partial", "preliminary", "final", "amended", "corrected", "appended"}
_ORDERS = {"order", "original-order", "reflex-order", "filler-order", "instance-order"}


RULES: tuple[Rule, ...] = (
    # US Core and HRex
    Rule(
        "hrex-pat-1",
        "a gender or birthsex",
        lambda p, _: (
            has(p, "gender") or extended(p, "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex")
        ),
    ),
    Rule("pd-1", "a telecom or an endpoint", any_of("telecom", "endpoint")),
    Rule("us-core-1", "a date with its day", _day_known, start="$this is "),
    Rule("us-core-2", "a value, or why there is none", _observed),
    Rule("us-core-1", "a date with its month", _month_known, start="($this as dateTime)"),
    Rule("us-core-22", "UCUM units", lambda r, x: all(_ucum(as_dict(r).get(end), x) for end in ("low", "high"))),
    Rule("us-core-3", "a UCUM unit", lambda o, x: _ucum(as_dict(o).get("valueQuantity"), x), start="valueQuantity"),
    Rule("us-core-3", "a UCUM unit", _ucum, start="ofType(Quantity)"),
    Rule("us-core-6", "a url or data", any_of("url", "data"), start="url.exists()"),
    Rule("us-core-6", "a name, or why there is none", _named_or_why_not, start="(family"),
    Rule("us-core-7", "when it was performed", when("status", {"completed", "in-progress"}, any_of("performed[x]"))),
    Rule("us-core-8", "a name, or why there is none", _named_or_why_not, start="(family"),
    Rule("us-core-8", "an effective time", when("status", _FINAL, any_of("effective[x]")), start="(status"),
    Rule("us-core-9", "a moment of issue", when("status", _FINAL, any_of("issued")), start="(status"),
    Rule("us-core-10", "an effective time", when("status", _FINAL, any_of("effective[x]"))),
    Rule(
        "us-core-13",
        "a practitioner, organization, service or location",
        any_of("practitioner", "organization", "healthcareService", "location"),
    ),
    Rule("us-core-14", "a name or a relationship", any_of("name", "relationship")),
    Rule("us-core-15", "a member number or subscriberId", _member_known),
    Rule("us-core-16", "an NPI of ten digits", matches(r"[0-9]{10}")),
    Rule("us-core-17", "an NPI with a right check digit", _npi),
    Rule("us-core-18", "a CLIA number", matches(r"[0-9]{2}D[0-9]{7}")),
    Rule("us-core-19", "a NAIC number of five digits", matches(r"[0-9]{5}")),
    Rule("us-core-20", "when it was handed over", when("status", {"completed"}, any_of("whenHandedOver"))),
    Rule("us-core-21", "a requester of an order", when("intent", _ORDERS, any_of("requester"))),
    Rule("us-core-23", "unknown stands alone", _asked_or_unknown),
    Rule("us-core-26", "a value, or why there is none", any_of("value[x]", "dataAbsentReason")),
    # vital signs, which US Core repeats
    Rule("vs-1", "a date with its month", _month_known, start="($this as dateTime)"),
    Rule("vs-1", "a date with its day", _day_known, start="$this is "),
    Rule("vs-2", "a value, or why there is none", _observed),
    Rule("vs-3", "a value, or why there is none", any_of("value[x]", "dataAbsentReason")),
)
