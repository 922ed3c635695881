"""The invariants of FHIR R4 itself that are checked: datatypes, Bundles, questionnaires, clinical resources."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeGuard

from fhir_r4.bundle import local_part
from fhir_r4.profiles.rules import (
    Holds,
    Rule,
    Word,
    absent,
    any_of,
    both,
    coded,
    either,
    either_holds,
    first_is,
    has,
    if_else,
    needs,
    negated,
    not_both,
    only_one,
    unless,
    when,
)
from fhir_r4.resource import as_dict, as_list, dicts


def _items(resource: Any, *names: str) -> Iterator[dict]:
    """Yield the items at every depth below, through ``names``."""
    waiting = [as_dict(resource)]
    while waiting:
        holder = waiting.pop()
        for name in names:
            below = dicts(holder.get(name))
            yield from (below if name != "answer" else ())
            waiting += below


def period_in_order(period: Any, _: dict) -> bool:
    """Compare to the precision that both have: 2026-03 does not end before 2026-03-05.

    >>> period_in_order({"start": "2026-03-05", "end": "2026-03"}, {})
    True
    """
    period = as_dict(period)
    start, end = period.get("start"), period.get("end")
    return not (isinstance(start, str) and isinstance(end, str)) or _not_after(start, end)


def _not_after(one: str, other: str) -> bool:
    if "T" in one and "T" in other:
        first, second = _instant(one), _instant(other)
        return not (first and second) or first <= second
    shared = min(len(one.partition("T")[0]), len(other.partition("T")[0]))
    return one[:shared] <= other[:shared]


def _instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _range_in_order(element: Any, _: dict) -> bool:
    low, high = (as_dict(as_dict(element).get(k)) for k in ("low", "high"))
    if low.get("unit") != high.get("unit") or low.get("code") != high.get("code"):
        return True
    least, most = low.get("value"), high.get("value")
    return not (_is_number(least) and _is_number(most)) or bool(least <= most)


def _is_number(value: Any) -> TypeGuard[Any]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _not_negative(name: str) -> Holds:
    def holds(element: Any, _: dict) -> bool:
        value = as_dict(element).get(name)
        return not _is_number(value) or value >= 0

    return holds


def _distinct(found: list[Any]) -> bool:
    texts = [one for one in found if isinstance(one, str)]
    return len(texts) == len(set(texts))


def _full_urls_distinct(bundle: Any, _: dict) -> bool:
    if as_dict(bundle).get("type") == "history":
        return True
    entries = [entry for entry in dicts(as_dict(bundle).get("entry")) if isinstance(entry.get("fullUrl"), str)]
    if len({entry["fullUrl"] for entry in entries}) == len(entries):
        return True
    versions = {(e["fullUrl"], str(as_dict(as_dict(e.get("resource")).get("meta")).get("versionId"))) for e in entries}
    return len(versions) == len(entries)


def _every_entry_has(name: str) -> Word:
    return Word(
        lambda bundle, _: all(name in entry for entry in dicts(as_dict(bundle).get("entry"))),
        lambda _: {"properties": {"entry": {"items": {"required": [name]}}}},
    )


def _no_entry_has(name: str) -> Word:
    return Word(
        lambda bundle, _: not any(name in entry for entry in dicts(as_dict(bundle).get("entry"))),
        lambda _: {"properties": {"entry": {"items": {"not": {"required": [name]}}}}},
    )


def _versionless(entry: Any, _: dict) -> bool:
    url = as_dict(entry).get("fullUrl")
    return not isinstance(url, str) or "/_history/" not in url


_VERSIONLESS = {"properties": {"fullUrl": {"not": {"pattern": "/_history/"}}}}


def _is_identity(entry: Any, bundle: dict) -> bool:
    """FHIR R4, Bundle "fullUrl": absolute, and where it is RESTful it ends with the type and id of its resource.

    Not so in what is still to be done: there a fullUrl may stand for a resource that has no id yet.
    """
    entry = as_dict(entry)
    url, resource = entry.get("fullUrl"), entry.get("resource")
    if not isinstance(url, str) or not isinstance(resource, dict) or bundle.get("type") in ("batch", "transaction"):
        return True
    kind, id_ = resource.get("resourceType"), resource.get("id")
    if isinstance(id_, str) and url.endswith(f"/{kind}/{id_}") and ":" in url:  # as most do
        return True
    said, _slash, named = (local_part(url) or "").partition("/")
    return ":" in url and (said != kind or named == id_)


def _identified(bundle: Any, _: dict) -> bool:
    identifier = as_dict(bundle).get("identifier")
    return has(identifier, "system") and has(identifier, "value")


def _link_ids_distinct(questionnaire: Any, _: dict) -> bool:
    return _distinct([item.get("linkId") for item in _items(questionnaire, "item")])


def answers_once(response: Any, _: dict) -> bool:
    holders = [as_dict(response), *_items(response, "item", "answer")]
    holders += [answer for holder in holders for answer in dicts(holder.get("answer"))]
    return all(
        _distinct(
            [i.get("linkId") for i in dicts(h.get("item")) if any(has(a, "value[x]") for a in dicts(i.get("answer")))]
        )
        for h in holders
    )


def _group_or_display(item: Any, _: dict) -> bool:
    item = as_dict(item)
    return not (
        (item.get("type") == "group" and not has(item, "item")) or (item.get("type") == "display" and has(item, "item"))
    )


def _several_conditions(item: Any, _: dict) -> bool:
    return len(dicts(as_dict(item).get("enableWhen"))) <= 2 or has(item, "enableBehavior")


def _one_initial(item: Any, _: dict) -> bool:
    return as_dict(item).get("repeats") is True or len(as_list(as_dict(item).get("initial"))) <= 1


def _exists_is_boolean(condition: Any, _: dict) -> bool:
    condition = as_dict(condition)
    return condition.get("operator") != "exists" or isinstance(condition.get("answerBoolean"), bool)


def _value_not_twice(observation: Any, _: dict) -> bool:
    observation = as_dict(observation)
    own = [(c.get("system"), c.get("code")) for c in dicts(as_dict(observation.get("code")).get("coding"))]
    return not has(observation, "value[x]") or not any(
        (c.get("system"), c.get("code")) in own
        for component in dicts(observation.get("component"))
        for c in dicts(as_dict(component.get("code")).get("coding"))
    )


_NOT_BOTH_VALUES = not_both("value[x]", "component").schema  # codes are for the walk to compare


def _not_at_home(element: Any, _: dict) -> bool:
    return all(one.get("use") != "home" for one in (dicts(element) or [as_dict(element)]))


_NO_HOME = {"properties": {"use": {"not": {"const": "home"}}}}


def _entered_in_error(system: str) -> Holds:
    return lambda element, _: coded(
        as_dict(element).get("verificationStatus"),
        f"http://terminology.hl7.org/CodeSystem/{system}",
        {"entered-in-error"},
    )


def _abated(condition: Any, _: dict) -> bool:
    over = coded(
        as_dict(condition).get("clinicalStatus"),
        "http://terminology.hl7.org/CodeSystem/condition-clinical",
        {"resolved", "remission", "inactive"},
    )
    return not has(condition, "abatement[x]") or over


_LISTED = {"choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"}


def _measured(*, unit: str | None = None, positive: bool = False) -> Holds:
    """A quantity of a fixed kind: a value has a code, in UCUM if anywhere, and that of ``unit``."""

    def holds(quantity: Any, _: dict) -> bool:
        quantity = as_dict(quantity)
        value, code = quantity.get("value"), quantity.get("code")
        right = code in (None, unit) if unit else True
        above = not (positive and _is_number(value)) or value > 0
        return (has(quantity, "code") or not has(quantity, "value")) and _is_ucum(quantity) and right and bool(above)

    return holds


def _is_ucum(quantity: dict) -> bool:
    return quantity.get("system") in (None, "http://unitsofmeasure.org")


def _duration(quantity: Any, _: dict) -> bool:
    quantity = as_dict(quantity)
    return not has(quantity, "code") or (has(quantity, "value") and "system" in quantity and _is_ucum(quantity))


def _whole_ratio(ratio: Any, _: dict) -> bool:
    numerator = has(ratio, "numerator")
    return numerator == has(ratio, "denominator") and (numerator or has(ratio, "extension"))


def _dates_in_order(first: str, last: str) -> Holds:
    def holds(element: Any, _: dict) -> bool:
        one, other = as_dict(element).get(first), as_dict(element).get(last)
        return not (isinstance(one, str) and isinstance(other, str)) or _not_after(one, other)

    return holds


def _offset_of_an_event(timing: Any, _: dict) -> bool:
    meals = {"C", "CM", "CD", "CV"}
    moments = [one for one in as_list(as_dict(timing).get("when")) if isinstance(one, str)]
    return not has(timing, "offset") or (bool(moments) and not meals & set(moments))


def _codes_distinct(code_system: Any, _: dict) -> bool:
    return _distinct([concept.get("code") for concept in _items(code_system, "concept")])


RULES: tuple[Rule, ...] = (
    # datatypes
    Rule("age-1", "a positive age in a UCUM unit", _measured(positive=True)),
    Rule("cnt-3", "a count in the unit 1", _measured(unit="1")),
    Rule("dis-1", "a distance in a UCUM unit", _measured()),
    Rule("drt-1", "a duration in a UCUM unit", _duration),
    Rule("rat-1", "a numerator and a denominator", _whole_ratio),
    Rule("tim-9", "an offset from an event other than a meal", _offset_of_an_event),
    Rule("trd-2", "a condition comes with data", needs("condition", "data")),
    Rule("att-1", "data come with their contentType", needs("data", "contentType")),
    Rule("cpt-2", "a value comes with its system", needs("value", "system")),
    Rule("per-1", "start is not after end", period_in_order),
    Rule("qty-3", "a code comes with its system", needs("code", "system")),
    Rule("rng-2", "low is not above high", _range_in_order),
    Rule("sqty-1", "no comparator", absent("comparator")),
    Rule("tim-1", "a duration has a unit", needs("duration", "durationUnit")),
    Rule("tim-2", "a period has a unit", needs("period", "periodUnit")),
    Rule("tim-4", "a duration is not negative", _not_negative("duration")),
    Rule("tim-5", "a period is not negative", _not_negative("period")),
    Rule("tim-6", "periodMax comes with period", needs("periodMax", "period")),
    Rule("tim-7", "durationMax comes with duration", needs("durationMax", "duration")),
    Rule("tim-8", "countMax comes with count", needs("countMax", "count")),
    Rule("tim-10", "timeOfDay or when, not both", not_both("timeOfDay", "when")),
    Rule("exp-1", "an expression or a reference", any_of("expression", "reference")),
    Rule("drq-1", "path or searchParam", either("path", "searchParam")),
    Rule("drq-2", "path or searchParam", either("path", "searchParam")),
    Rule("trd-1", "data or timing, not both", not_both("data", "timing[x]")),
    # bundles
    Rule("bdl-1", "total only in a search or history", unless("type", {"searchset", "history"}, absent("total"))),
    Rule("bdl-2", "entry.search in a search only", unless("type", {"searchset"}, _no_entry_has("search"))),
    Rule("bdl-9", "a document has an identifier", when("type", {"document"}, _identified)),
    Rule(
        "bdl-3",
        "entry.request for batch, transaction, history only",
        if_else("type", {"batch", "transaction", "history"}, _every_entry_has("request"), _no_entry_has("request")),
    ),
    Rule(
        "bdl-4",
        "entry.response for responses and history only",
        if_else(
            "type",
            {"batch-response", "transaction-response", "history"},
            _every_entry_has("response"),
            _no_entry_has("response"),
        ),
    ),
    Rule("bdl-5", "a resource, a request or a response", any_of("resource", "request", "response")),
    Rule("bdl-7", "each fullUrl once, or with different versions", _full_urls_distinct),
    Rule("fullUrl", "an absolute fullUrl, with the id of the resource", _is_identity),
    Rule("bdl-8", "fullUrl without a version", Word(_versionless, lambda _: _VERSIONLESS)),
    Rule("bdl-10", "a document has a timestamp", when("type", {"document"}, any_of("timestamp"))),
    Rule("bdl-11", "a document starts with a Composition", when("type", {"document"}, first_is("Composition"))),
    Rule("bdl-12", "a message starts with a MessageHeader", when("type", {"message"}, first_is("MessageHeader"))),
    Rule(
        "inv-1",
        "a value, a resource or parts: one of them",
        only_one("value[x]", "resource", "part"),
        start="(part.exists()",
    ),
    Rule(
        "inv-1",
        "lastModified is not before authoredOn",
        _dates_in_order("authoredOn", "lastModified"),
        start="lastModified.exists()",
    ),
    # questionnaires
    Rule("qrs-1", "items or answers, not both", not_both("answer", "item")),
    Rule("que-1", "a group has items, a display none", _group_or_display),
    Rule("que-2", "each linkId once", _link_ids_distinct),
    Rule("que-3", "a display has no code", when("type", {"display"}, absent("code"))),
    Rule("que-4", "answerOption or answerValueSet, not both", not_both("answerOption", "answerValueSet")),
    Rule(
        "que-5",
        "answers are listed for types that can be listed",
        unless("type", _LISTED, absent("answerValueSet", "answerOption")),
    ),
    Rule(
        "que-6", "a display is neither required nor repeated", when("type", {"display"}, absent("required", "repeats"))
    ),
    Rule("que-7", "exists is answered by a boolean", _exists_is_boolean),
    Rule("que-8", "no initial value for a group or display", when("type", {"group", "display"}, absent("initial"))),
    Rule("que-9", "a display is not readOnly", when("type", {"display"}, absent("readOnly"))),
    Rule(
        "que-10",
        "maxLength for simple questions only",
        unless("type", {"boolean", "decimal", "integer", "string", "text", "url", "open-choice"}, absent("maxLength")),
    ),
    Rule("que-11", "answerOption or initial, not both", not_both("answerOption", "initial")),
    Rule("que-12", "enableBehavior with several conditions", _several_conditions),
    Rule("que-13", "several initial values for repeating questions only", _one_initial),
    # clinical resources
    Rule(
        "ait-1",
        "a clinicalStatus unless entered in error",
        either_holds(_entered_in_error("allergyintolerance-verification"), any_of("clinicalStatus")),
    ),
    Rule(
        "ait-2",
        "no clinicalStatus where entered in error",
        either_holds(negated(_entered_in_error("allergyintolerance-verification")), absent("clinicalStatus")),
    ),
    Rule("apr-1", "a participant's type or actor", any_of("participantType", "actor")),
    Rule("cmp-1", "a text, entries or sections", any_of("text", "entry", "section")),
    Rule("cmp-2", "entries or why there are none", not_both("emptyReason", "entry")),
    Rule("csd-1", "each code once", _codes_distinct),
    Rule("fhs-1", "an age or a birth, not both", not_both("age[x]", "born[x]")),
    Rule("fhs-2", "an estimated age comes with the age", needs("estimatedAge", "age[x]")),
    Rule("mad-1", "a dose or a rate", any_of("dose", "rate[x]")),
    Rule("mdd-1", "handed over after it was prepared", _dates_in_order("whenPrepared", "whenHandedOver")),
    Rule(
        "nor-1",
        "a diet, a supplement or a formula",
        any_of("oralDiet", "supplement", "enteralFormula"),
        severity="warning",
    ),
    Rule("vsd-9", "a code unless abstract", lambda v, _: has(v, "code") or as_dict(v).get("abstract") is True),
    Rule("app-1", "a type or an actor", any_of("type", "actor")),
    Rule("app-2", "start and end together", lambda a, _: has(a, "start") == has(a, "end")),
    Rule(
        "app-3",
        "start and end unless proposed, cancelled or waiting",
        unless("status", {"proposed", "cancelled", "waitlist"}, both(any_of("start"), any_of("end"))),
    ),
    Rule(
        "app-4",
        "a reason for cancelling where cancelled",
        unless("status", {"no-show", "noshow", "cancelled"}, absent("cancelationReason")),
    ),
    Rule("con-1", "a summary or an assessment", any_of("summary", "assessment")),
    Rule("con-2", "a code or a detail", any_of("code", "detail")),
    Rule("con-4", "abated where resolved, in remission or inactive", _abated),
    Rule(
        "con-5",
        "no clinicalStatus where entered in error",
        either_holds(negated(_entered_in_error("condition-ver-status")), absent("clinicalStatus")),
    ),
    Rule("cpl-3", "a detail or a reference, not both", not_both("detail", "reference")),
    Rule("gol-1", "a measure for a detail", needs("detail[x]", "measure")),
    Rule("imm-1", "a document type or a reference", any_of("documentType", "reference")),
    Rule("lst-1", "entries or why there are none", not_both("entry", "emptyReason")),
    Rule("obs-3", "low, high or text", any_of("low", "high", "text")),
    Rule("obs-6", "a value or why there is none, not both", not_both("value[x]", "dataAbsentReason")),
    Rule("obs-7", "the value here or in a component of the same code", Word(_value_not_twice, _NOT_BOTH_VALUES)),
    Rule("org-1", "an identifier or a name", any_of("identifier", "name")),
    Rule("org-2", "no home address", Word(_not_at_home, lambda _: _NO_HOME)),
    Rule("org-3", "no home telecom", Word(_not_at_home, lambda _: _NO_HOME)),
    Rule("pat-1", "a name, telecom, address or organization", any_of("name", "telecom", "address", "organization")),
    Rule("ppc-1", "a policy or a policyRule", any_of("policy", "policyRule")),
    Rule("prr-1", "a code where there is orderDetail", needs("orderDetail", "code")),
    # conformance resources that a questionnaire package carries
    Rule("vsd-1", "a system or a value set", any_of("valueSet", "system")),
    Rule(
        "vsd-2",
        "concepts or filters come with a system",
        lambda i, _: not (has(i, "concept") or has(i, "filter")) or has(i, "system"),
    ),
    Rule("vsd-3", "concepts or filters, not both", not_both("concept", "filter")),
    Rule("vsd-6", "a code or a display", any_of("code", "display")),
    Rule("vsd-10", "a code comes with its system", needs("code", "system")),
    Rule("ces-1", "a category or a productOrService", either("category", "productOrService")),
    Rule("sev-1", "a name or a query, not both", not_both("name", "query")),
)
