"""The invariants of the guides that are checked: PAS, CRD (crd.md 2.4), DTR, SDC and subscriptions."""

from typing import Any

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
    needs,
    unless,
    values,
    when,
    without_extension,
)
from fhir_r4.profiles.rules_of_fhir import answers_once
from fhir_r4.resource import as_dict, dicts


def _full_date(value: Any, _: dict) -> bool:
    return not isinstance(value, str) or len(value) == 10


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


def _subscriber_unless_self(coverage: Any, _: dict) -> bool:
    return coded(as_dict(coverage).get("relationship"), None, {"18"}) or has(coverage, "subscriber")


def _identified_unless_oral(element: Any, _: dict) -> bool:
    return coded(as_dict(element).get("medium"), None, {"VO"}) or has(element, "identifier")


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
)
