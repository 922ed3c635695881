"""The invariants of the guides that are checked: PAS, CRD (crd.md 2.4), DTR, SDC, subscriptions, US Core, HRex."""

from typing import Any

from fhir_r4.npi import checks, has_ten_digits
from fhir_r4.profiles.rules import (
    Holds,
    Rule,
    absent,
    any_of,
    both,
    coded,
    either_holds,
    extended,
    first_is,
    has,
    is_one_of,
    matches,
    needs,
    unless,
    values,
    when,
    without_extension,
)
from fhir_r4.profiles.rules_of_fhir import answers_once
from fhir_r4.resource import as_dict, dicts
from fhir_r4.systems import ABSENT


def _npi(identifier: Any, _: dict) -> bool:
    """Check the last digit of a National Provider Identifier; that it is ten digits is another's to say.

    >>> _npi({"value": "1234567893"}, {}), _npi({"value": "1234567890"}, {})
    (True, False)
    """
    value = as_dict(identifier).get("value")
    return not isinstance(value, str) or not has_ten_digits(value) or checks(value)


def _full_date(value: Any, _: dict) -> bool:
    return not isinstance(value, str) or len(value) == 10


def _month_known(value: Any, _: dict) -> bool:
    return not isinstance(value, str) or len(value) >= 8


def _day_known(value: Any, _: dict) -> bool:
    return not isinstance(value, str) or len(value) >= 10


def _named_or_why_not(name: Any, _: dict) -> bool:
    reason = extended(name, ABSENT)
    return (has(name, "family") or has(name, "given")) != reason


def _task_input(code: str, wanted: str) -> Holds:
    """A Task with this code has an input of the type ``wanted``."""

    def holds(task: Any, _: dict) -> bool:
        task = as_dict(task)
        inputs = [one.get("type") for one in dicts(task.get("input"))]
        return not coded(task.get("code"), None, {code}) or coded(inputs, None, {wanted})

    return holds


def _parameter(*names: str) -> Holds:
    return lambda element, _: any(p.get("name") in names for p in dicts(as_dict(element).get("parameter")))


def _undecided(extension: Any, code: str) -> bool:
    return any(code in values(extension, url) for url in ("covered", "pa-needed", "doc-needed"))


def _documents_needed(extension: Any, _: dict) -> bool:
    asked = extended(extension, "questionnaire") or extended(extension, "response")
    needed = values(extension, "doc-needed")
    return not asked or (extended(extension, "doc-needed") and "no-doc" not in needed)


def _authorization_said(extension: Any, _: dict) -> bool:
    covered = [v for v in values(extension, "covered") if v != "not-covered"]
    return not covered or extended(extension, "pa-needed")


def _no_withpa(extension: Any, _: dict) -> bool:
    settled = {"satisfied", "noauth", "no-auth", "not-covered"} & set(map(str, values(extension, "pa-needed")))
    return not settled or "withpa" not in values(extension, "doc-purpose")


def _sub(one: str, value: str | None, other: str) -> Holds:
    """A sub-extension ``one`` (with ``value``) needs a sub-extension ``other``."""

    def holds(extension: Any, _: dict) -> bool:
        fires = value in values(extension, one) if value else extended(extension, one)
        return not fires or extended(extension, other)

    return holds


def _reason_in_words(extension: Any, _: dict) -> bool:
    known = (
        "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
        "http://hl7.org/fhir/us/davinci-crd/CodeSystem/coverage-information-codes",
    )
    return all(
        has(reason, "text") or any(coding.get("system") in known for coding in dicts(as_dict(reason).get("coding")))
        for reason in values(extension, "reason")
    )


_FHIR = "http://hl7.org/fhir/StructureDefinition/"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"


def _or_extended(*urls: str) -> Holds:
    return lambda element, _: any(extended(element, url) for url in urls)


def _lists_answers(item: Any, _: dict) -> bool:
    listed = has(item, "answerOption") or has(item, "answerValueSet") or extended(item, f"{_SDC}answerExpression")
    return listed or not is_one_of(as_dict(item).get("type"), {"choice", "open-choice"})


def _auto_or_author(extension: Any, _: dict) -> bool:
    machine = {"auto", "auto-client", "auto-server"} & set(map(str, values(extension, "source")))
    return bool(machine) != extended(extension, "author")


def _observed(observation: Any, _: dict) -> bool:
    return any(has(observation, name) for name in ("component", "hasMember", "dataAbsentReason", "value[x]"))


def _subscriber_unless_self(coverage: Any, _: dict) -> bool:
    return coded(as_dict(coverage).get("relationship"), None, {"18"}) or has(coverage, "subscriber")


def _identified_unless_oral(element: Any, _: dict) -> bool:
    return coded(as_dict(element).get("medium"), None, {"VO"}) or has(element, "identifier")


def _member_known(coverage: Any, _: dict) -> bool:
    kinds = [one.get("type") for one in dicts(as_dict(coverage).get("identifier"))]
    return coded(kinds, "http://terminology.hl7.org/CodeSystem/v2-0203", {"MB"}) or has(coverage, "subscriberId")


def _asked_or_unknown(extension: Any, _: dict) -> bool:
    categories = values(extension, "ombCategory")
    return not any(as_dict(c).get("code") in ("ASKU", "UNK") for c in categories) or len(categories) == 1


_UCUM = "http://unitsofmeasure.org"


def _ucum(quantity: Any, _: dict) -> bool:
    system = as_dict(quantity).get("system")
    return system is None or system == _UCUM


_FINAL = {"partial", "preliminary", "final", "amended", "corrected", "appended"}


_ORDERS = {"order", "original-order", "reflex-order", "filler-order", "instance-order"}


RULES: tuple[Rule, ...] = (
    # PAS
    Rule(
        "AttachmentNeeded", "an input attachments-needed", _task_input("attachment-request-code", "attachments-needed")
    ),
    Rule(
        "QuestionnaireContext",
        "an input questionnaire-context",
        _task_input("attachment-request-questionnaire", "questionnaire-context"),
    ),
    Rule(
        "QuestionnaireNeeded",
        "an input questionnaires-needed",
        _task_input("attachment-request-questionnaire", "questionnaires-needed"),
    ),
    Rule("ClaimFirst", "the first entry is the Claim", first_is("Claim")),
    Rule("ClaimResponseFirst", "the first entry is the ClaimResponse", first_is("ClaimResponse")),
    Rule("FullDateRule", "a full date, YYYY-MM-DD", _full_date),
    Rule("IdentifierUnlessVO", "an identifier unless sent by voice", _identified_unless_oral),
    Rule("self-beneficiary", "a subscriber unless the relationship is self", _subscriber_unless_self),
    # CRD
    Rule(
        "crd-apt1",
        "a start, here or in requestedPeriod",
        lambda a, _: has(a, "start") or any(has(p, "start") for p in dicts(as_dict(a).get("requestedPeriod"))),
    ),
    Rule(
        "crd-apt2",
        "an end, here or in requestedPeriod",
        lambda a, _: has(a, "end") or any(has(p, "end") for p in dicts(as_dict(a).get("requestedPeriod"))),
    ),
    Rule("crd-loc1", "a type or partOf", any_of("type", "partOf")),
    Rule("crd-tsk-d1", "an owner or a location", any_of("owner", "location")),
    Rule(
        "crd-ci-q1",
        "a questionnaire or response needs doc-needed other than no-doc",
        _documents_needed,
        start="extension.where(url='questionnaire' or",
    ),
    Rule(
        "crd-ci-q1",
        "a questionnaire needs doc-needed",
        _sub("questionnaire", None, "doc-needed"),
        start="extension.where(url='questionnaire').exists()",
    ),
    Rule(
        "crd-ci-q2",
        "pa-needed unless not covered",
        _authorization_said,
        start="extension.where(url = 'covered' and value != ",
    ),
    Rule(
        "crd-ci-q2",
        "no pa-needed where not covered",
        lambda x, _: "not-covered" not in values(x, "covered") or not extended(x, "pa-needed"),
        start="extension.where(url = 'covered' and value = ",
    ),
    Rule(
        "crd-ci-q3",
        "info-needed comes with something conditional",
        lambda x, _: not extended(x, "info-needed") or _undecided(x, "conditional"),
        start="extension.where(url = 'info-needed')",
    ),
    Rule(
        "crd-ci-q3",
        "something conditional comes with info-needed",
        lambda x, _: not _undecided(x, "conditional") or extended(x, "info-needed"),
        start="extension.where((url = 'covered'",
    ),
    Rule(
        "crd-ci-q4",
        "doc-purpose is not PA where satisfied",
        lambda x, _: "satisfied" not in values(x, "pa-needed") or "PA" not in values(x, "doc-purpose"),
        start="extension.where(url = 'pa-needed' and value",
    ),
    Rule(
        "crd-ci-q4",
        "no documents for an authorization that is not needed",
        _no_withpa,
        start="extension.where(url = 'pa-needed' and (value",
    ),
    Rule(
        "crd-ci-q5",
        "satisfied-pa-id exactly where satisfied",
        lambda x, _: ("satisfied" in values(x, "pa-needed")) == extended(x, "satisfied-pa-id"),
    ),
    Rule("crd-ci-q6", "info-needed OTH comes with a reason", _sub("info-needed", "OTH", "reason")),
    Rule("crd-ci-q7", "a reason has words or a known code", _reason_in_words),
    Rule(
        "crd-ci-q8",
        "a doc-purpose comes with a reason",
        lambda x, _: all(v == "conditional" for v in values(x, "doc-purpose")) or extended(x, "reason"),
    ),
    Rule(
        "crd-ci-q9",
        "indeterminate comes with a reason",
        lambda x, _: not _undecided(x, "indeterminate") or extended(x, "reason"),
    ),
    # DTR and SDC
    Rule("dtr-1", "a parameter order, questionnaire or context", _parameter("order", "questionnaire", "context")),
    Rule("dtrq-2", "a choice lists its answers", _lists_answers, severity="warning"),
    Rule(
        "dtrq-3",
        "a quantity says its units",
        when(
            "type", {"quantity"}, _or_extended(f"{_FHIR}questionnaire-unitOption", f"{_FHIR}questionnaire-unitValueSet")
        ),
        severity="warning",
    ),
    Rule(
        "dtrq-4",
        "a reference says to what resources",
        when("type", {"reference"}, _or_extended(f"{_FHIR}questionnaire-referenceResource")),
    ),
    Rule(
        "dtrq-5",
        "a reference says its candidates",
        when("type", {"reference"}, _or_extended(f"{_SDC}candidateExpression")),
        severity="warning",
    ),
    Rule("dtrb-1", "the first entry is the Questionnaire", first_is("Questionnaire")),
    Rule("dtrb-2", "the first entry is the QuestionnaireResponse", first_is("QuestionnaireResponse")),
    Rule(
        "dtrl-1",
        "providerId and groupId unless the payer is the source",
        unless("source", {"payer-src"}, both(any_of("providerId"), any_of("groupId"))),
    ),
    Rule("dtrx-1", "an author unless the source is automatic", _auto_or_author),
    Rule("sdcqr-1", "a subject", any_of("subject"), severity="warning"),
    Rule("sdcqr-2", "each answered linkId once in its group", answers_once),
    Rule("qrs-2", "each answered linkId once in its group", answers_once),
    Rule("que-1c", "a display has no items", when("type", {"display"}, absent("item"))),
    Rule("que-1b", "a group has items", when("type", {"group"}, any_of("item")), severity="warning"),
    Rule("que-15", "a linkId of at most 255 characters", lambda v, _: not isinstance(v, str) or len(v) <= 255),
    Rule(
        "sdc-1",
        "an answerExpression or listed answers, not both",
        lambda i, _: not extended(i, f"{_SDC}answerExpression") or absent("answerOption", "answerValueSet")(i, {}),
    ),
    Rule(
        "sdc-2",
        "a version comes with its algorithm",
        lambda q, _: (
            not has(q, "version") or extended(q, "http://hl7.org/fhir/StructureDefinition/artifact-versionAlgorithm")
        ),
    ),
    Rule(
        "sdc-pop-1",
        "initial or initialExpression, not both",
        either_holds(absent("initial"), without_extension(f"{_SDC}initialExpression")),
    ),
    Rule(
        "sdc-behave-1",
        "initial or initialExpression, not both",
        either_holds(absent("initial"), without_extension(f"{_SDC}initialExpression")),
    ),
    Rule(
        "sdc-behave-2",
        "enableWhen or enableWhenExpression, not both",
        either_holds(absent("enableWhen"), without_extension(f"{_SDC}enableWhenExpression")),
    ),
    Rule("sdc-base-1", "a code or a display", any_of("code", "display")),
    Rule("sdc-base-2", "a code comes with its system", needs("code", "system")),
    Rule("sdc-base-4", "a reference, an identifier or a display", any_of("reference", "display", "identifier")),
    # subscriptions
    Rule("backport-notification-bundle-r4-1", "the first entry is the status", first_is("Parameters")),
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
