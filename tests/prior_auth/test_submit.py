"""A request is decided where the policies can, and waits for a person where they cannot."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from fhir_r4.resource import Identifier
from fhir_r4.systems import LEVEL_OF_SERVICE, NPI
from prior_auth.ask import with_forms_asked
from prior_auth.decision import Basis, ReviewAction
from prior_auth.parties import BusinessError, Parties, kept_for, parties, requestors_of, spoken_for
from prior_auth.submission import read_submission
from prior_auth.submit import submit
from prior_auth.weigh import OnFile
from rules.book import PolicyBook
from rules.directory import GoldCard
from rules.lists import read_lists
from tests.given import (
    ACME,
    AMY,
    BOOK,
    CLINIC,
    EHR,
    FORM,
    NOW,
    OXYGEN,
    PLAN,
    FakeDirectory,
    a_certification,
    a_form_response,
    a_pend,
    a_promise,
    a_submission_bundle,
    an_authorization,
    an_order,
    entry,
    knowledge,
    percent,
)  # fmt: skip

KNOWN = Parties(ACME, AMY)
MB, MR = (
    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": code}]} for code in ("MB", "MR")
)


def decided(bundle=None, promises=(), on_file=(), **what):
    submission = read_submission(bundle or a_submission_bundle())
    known = what.get("known", KNOWN)
    return submit(
        submission,
        known,
        OnFile(tuple(promises), tuple(on_file)),
        what.get("knowledge", knowledge()),
        "riverside-ehr",
        NOW,
    )


def why(bundle=None, **what):
    """Return why the request waits for a person; it has to."""
    decision = decided(bundle, **what).items[0].decision
    assert decision.action is ReviewAction.PENDED
    assert decision.number is None
    return decision.reason


def changed(kind, **changes):
    bundle = a_submission_bundle()
    entry(bundle, kind).update(changes)
    return bundle


def changed_item(**changes):
    bundle = a_submission_bundle()
    entry(bundle, "Claim")["item"][0] |= changes
    return bundle


def found(bundle=None, **directory):
    return parties(read_submission(bundle or a_submission_bundle()), FakeDirectory(**directory), NOW)


def test_a_qualifying_form_is_certified_with_number_and_period():
    (item,) = decided().items
    assert item.decision.action is ReviewAction.CERTIFIED
    assert item.decision.basis is Basis.POLICY
    assert item.decision.number.startswith("PA")
    assert (item.decision.starts, item.decision.ends) == (date(2026, 3, 1), date(2027, 2, 28))


def test_the_decision_says_by_which_policy_row_and_answers():
    trace = decided().items[0].decision.trace
    assert (trace["policy"], trace["version"], trace["row"]) == ("home-oxygen", "2026.1", 4)
    assert trace["answers"]["group I"] == "yes"
    assert trace["facts"]["spo2"] == 88


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"2.1": percent(92)}, "nurse"),
        ({"2.1": None, "2.3": None}, "Send a blood gas"),
        ({"2.4": {"valueBoolean": False}}, "at rest"),
    ],
)
@pytest.mark.requirement("pas-2.0.1@66", "pas-2.0.1@136")
def test_what_a_policy_does_not_certify_waits_for_a_person(answers, said):
    authorization = decided(a_submission_bundle(form=a_form_response(answers)))
    decision = authorization.items[0].decision
    assert authorization.pended
    assert decision.action is ReviewAction.PENDED
    assert said in decision.reason
    assert authorization.number is None


def test_without_the_form_nothing_is_certified():
    bundle = a_submission_bundle(form=a_form_response(questionnaire="https://other.example/Questionnaire/x"))
    decision = decided(bundle).items[0].decision
    assert decision.action is ReviewAction.PENDED
    assert "the policy's form, in the version it asks for, was not sent" in decision.trace["notes"]


@pytest.mark.requirement("pas-2.0.1@189")
def test_the_form_is_asked_for_once_and_only_where_an_answer_would_decide():
    """The minimum necessary: what no answer would change is a person's to decide on, and nothing is asked for it."""
    outside = {"2.1": percent(92), "2.2": pressure(70), "3.1": percent(40), "3.2": {"valueBoolean": False}}
    known = decided(a_submission_bundle(form=a_form_response(outside)))
    assert known.pended
    assert known.asks == ()
    lacking = decided(a_submission_bundle(form=a_form_response({"2.1": None})))
    (asked,) = lacking.asks
    assert asked.questionnaire == f"{FORM}|2026.1"
    assert with_forms_asked(lacking, knowledge(), NOW) == lacking


def pressure(value):
    return {
        "valueQuantity": {"value": value, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    }


def of_another(code, system=OXYGEN.system):
    return changed_item(productOrService={"coding": [{"system": system, "code": code}]}, extension=[])


@pytest.mark.parametrize(
    ("bundle", "otherwise", "action"),
    [
        (of_another("E9999"), "no-auth", ReviewAction.NOT_REQUIRED),
        (of_another("E0424-RR"), "no-auth", ReviewAction.PENDED),
        (of_another("E9999"), "auth-needed", ReviewAction.PENDED),
        (of_another("E9999", "urn:local"), "no-auth", ReviewAction.PENDED),
        (changed_item(productOrService={"text": "oxygen"}, extension=[]), "no-auth", ReviewAction.PENDED),
        (changed("DeviceRequest", authoredOn="2025-01-01"), "no-auth", ReviewAction.PENDED),
    ],
    ids=[
        "no policy, none needed",
        "with its modifier",
        "no policy, one needed",
        "a local code",
        "no code",
        "a policy of later days",
    ],
)
def test_where_no_policy_matches_the_plan_s_default_decides(bundle, otherwise, action):
    known = Parties(replace(ACME, plans=(replace(PLAN, otherwise=otherwise),)), AMY)
    decision = decided(bundle, known=known).items[0].decision
    assert (decision.action, decision.basis) == (action, Basis.PLAN)
    assert decision.number is None


@pytest.mark.requirement("crd-2.2.1@found-11")
def test_a_promise_that_holds_pins_the_version_of_the_policy():
    """A newer version came into force between order and submission; the promise is kept."""
    oxygen = BOOK.version("home-oxygen", "2026.1")
    strict = replace(oxygen, version="2026.2", rows=oxygen.rows[-1:])
    book = PolicyBook([*BOOK, strict])
    noted = {
        "url": "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information",
        "extension": [{"url": "coverage-assertion-id", "valueString": "promise-1"}],
    }
    bundle = a_submission_bundle(order=an_order(extension=[noted]))
    under = replace(knowledge(), book=book)
    assert decided(bundle, knowledge=under).items[0].decision.trace["version"] == "2026.2"
    kept = decided(bundle, [a_promise()], knowledge=under).items[0].decision
    assert (kept.trace["version"], kept.trace["promise"]) == ("2026.1", "promise-1")
    of_another_order = {"id": "promise-2"}
    voids = ({"member_id": "X"}, {"payer": "other"}, {"expires_on": date(2026, 2, 1)}, {"coverage": "Coverage/other"})
    for void in (*voids, of_another_order):
        assert decided(bundle, [a_promise(**void)], knowledge=under).items[0].decision.trace["version"] == "2026.2"


HEAD = "system,code,from,to,reason\n"
EXCLUDED = {"plan-exclusions.csv": f"{HEAD}HCPCS,E0424,2026-01-01,,The plan excludes oxygen systems of this kind.\n"}
FREE = {"no-authorization.csv": f"{HEAD}HCPCS,E0424,2026-01-01,,Nothing is asked for home oxygen.\n"}


def listed(texts):
    return replace(knowledge(), book=PolicyBook(BOOK.entries, read_lists(texts)))


@pytest.mark.parametrize(("texts", "action", "by"), [
    (EXCLUDED, ReviewAction.NOT_CERTIFIED, "plan-exclusions.csv, line 2"),
    (FREE, ReviewAction.NOT_REQUIRED, "no-authorization.csv, line 2"),
])  # fmt: skip
def test_a_list_of_the_payer_decides_before_any_policy_and_names_its_line(texts, action, by):
    """As the plan's word and nobody's judgement; quantity and modifiers change nothing."""
    for more in ({}, {"quantity": {"value": 3}, "modifier": [{"coding": [{"code": "RR"}]}]}):
        decision = decided(changed_item(**more), knowledge=listed(texts)).items[0].decision
        assert (decision.action, decision.basis, decision.decided_by) == (action, Basis.PLAN, by)
        assert decision.number is None
        assert decision.trace["table"] == by.replace(", line ", ":")


def test_a_line_that_was_promised_at_order_time_is_honoured_after_its_end():
    under = listed({name: text.replace(",,", ",2026-02-28,") for name, text in FREE.items()})
    (line,) = under.book.lists
    noted = {
        "url": "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information",
        "extension": [{"url": "coverage-assertion-id", "valueString": "promise-1"}],
    }
    bundle = a_submission_bundle(order=an_order(extension=[noted]))
    assert decided(bundle, knowledge=under).items[0].decision.trace["policy"] == "home-oxygen"
    promise = a_promise(policy=line.id, version=line.version)
    kept = decided(bundle, [promise], knowledge=under).items[0].decision
    assert (kept.action, kept.trace["promise"]) == (ReviewAction.NOT_REQUIRED, "promise-1")


@pytest.mark.requirement("pas-2.0.1@98")
def test_an_urgent_request_is_due_in_72_hours_and_any_other_in_7_days():
    assert decided().due_at == NOW + timedelta(days=7)
    stat = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/processpriority", "code": "stat"}]}
    bundle = a_submission_bundle()
    entry(bundle, "Claim")["priority"] = stat
    assert decided(bundle).due_at == NOW + timedelta(hours=72)


def two_forms(first, second, *, same_item=True):
    """Return a request with two forms; the second belongs to the same item, or to a second one."""
    bundle = a_submission_bundle(form=first)
    bundle["entry"].append({"fullUrl": "https://ehr.example.org/fhir/QuestionnaireResponse/second", "resource": second})
    claim = entry(bundle, "Claim")
    claim["supportingInfo"].append({"sequence": 2, "valueReference": {"reference": "QuestionnaireResponse/second"}})
    if same_item:
        claim["item"][0]["informationSequence"] = [1, 2]
    else:
        claim["item"].append(claim["item"][0] | {"sequence": 2, "informationSequence": [2]})
    return bundle


def test_forms_that_disagree_are_left_to_a_person():
    other = a_form_response({"2.1": percent(95)}, id="second")
    assert "disagree" in why(two_forms(a_form_response(), other))


def lacking(form, link, **changes):
    return form | {"item": [one for one in form["item"] if one["linkId"] != link]} | changes


def test_a_form_that_lacks_a_fact_does_not_disagree_with_one_that_has_it():
    """One comes all at once and leaves the signs open; the adaptive one asked for them. Together they say it all."""
    plain = lacking(a_form_response({"2.1": percent(89)}), "3.2")
    adaptive = lacking(contained_in() | {"item": a_form_response(EDEMA)["item"]}, "2.1", id="second")
    for forms in ((plain, adaptive), (adaptive | {"id": plain["id"]}, plain | {"id": "second"})):
        trace = decided(two_forms(*forms)).items[0].decision.trace
        assert (trace["facts"]["spo2"], trace["facts"]["edema"]) == (89, True)
        assert "disagree" not in str(trace)


def test_each_item_is_weighed_by_the_form_that_belongs_to_it():
    other = a_form_response({"2.1": percent(95)}, id="second")
    actions = [one.decision.action for one in decided(two_forms(a_form_response(), other, same_item=False)).items]
    assert actions == [ReviewAction.CERTIFIED, ReviewAction.PENDED]


def test_a_form_dated_ahead_does_not_count():
    assert "dated ahead" in why(a_submission_bundle(form=a_form_response(authored="2031-01-01T00:00:00Z")))


@pytest.mark.parametrize("canonical", [FORM, f"{FORM}|1999", f"{FORM}|2026.2"])
def test_only_the_form_in_the_version_of_the_policy_counts(canonical):
    assert "was not sent" in why(a_submission_bundle(form=a_form_response(questionnaire=canonical)))


def in_groups(form):
    """Return a form whose items stand in the groups of the Questionnaire."""
    groups = {}
    for one in form["item"]:
        groups.setdefault(one["linkId"].partition(".")[0], []).append(one)
    return form | {"item": [{"linkId": link, "item": items} for link, items in groups.items()]}


def traced(form):
    return decided(a_submission_bundle(form=form)).items[0].decision.trace


EDEMA = {"3.2": {"valueBoolean": True}}


@pytest.mark.parametrize("written", [in_groups, lambda form: form])
def test_an_answer_to_what_the_form_does_not_ask_does_not_count(written):
    """Signs are asked for above 88 percent only: what was left standing from before is not what the provider says."""
    ended = traced(written(a_form_response({"2.1": percent(88)} | EDEMA)))
    assert "edema" not in ended["facts"]
    assert ended["notes"] == ["edema: the form does not ask for it, as its other answers stand"]
    asked = traced(written(a_form_response({"2.1": percent(89)} | EDEMA)))
    assert (asked["facts"]["edema"], asked["notes"]) == (True, [])


def test_an_adaptive_form_has_put_each_of_its_questions():
    form = contained_in() | {"item": a_form_response({"2.1": percent(88)} | EDEMA)["item"]}
    assert traced(form)["facts"]["edema"] is True


def test_a_condition_of_the_form_holds_in_whatever_unit_the_answer_is():
    gas = {"valueQuantity": {"value": 7.8, "unit": "kPa", "system": "http://unitsofmeasure.org", "code": "kPa"}}
    bundle = a_submission_bundle(form=a_form_response({"2.1": None, "2.2": gas} | EDEMA))
    assert decided(bundle).items[0].decision.action is ReviewAction.CERTIFIED


def contained_in(**changes):
    """Return a completed form that contains the Questionnaire which it answers: by ``derivedFrom`` one of ours."""
    held = {"resourceType": "Questionnaire", "id": "q", "derivedFrom": [f"{FORM}-adaptive|2026.1"]} | changes
    return a_form_response(contained=[held], questionnaire="#q")


def test_an_adaptive_form_counts_as_the_policys_own():
    assert decided(a_submission_bundle(form=contained_in())).number


@pytest.mark.parametrize(
    "changes",
    [
        {"derivedFrom": [f"{FORM}|2026.1"]},
        {"derivedFrom": [f"{FORM}-adaptive"]},
        {"derivedFrom": [f"{FORM}-adaptive|2026.2"]},
        {"derivedFrom": None, "url": f"{FORM}-adaptive", "version": "2026.1"},
        {"derivedFrom": f"{FORM}-adaptive|2026.1"},
        {"derivedFrom": [7, {}]},
        {"id": "another"},
    ],
)
def test_a_contained_form_that_is_not_derived_from_the_policys_adaptive_one_does_not_count(changes):
    assert "was not sent" in why(a_submission_bundle(form=contained_in(**changes)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "revoked"}, "not active"),
        ({"status": "entered-in-error"}, "not active"),
        ({"doNotPerform": True}, "not to do it"),
        ({"subject": {"reference": "Practitioner/lindqvist"}}, "another patient"),
        ({"codeCodeableConcept": {"coding": [{"system": OXYGEN.system, "code": "E1390"}]}}, "another service"),
        ({"authoredOn": "2025-01-01"}, "no policy"),
        ({"authoredOn": "2030-01-01"}, "90 days"),
    ],
)
def test_an_order_that_does_not_bear_the_item_is_left_to_a_person(changes, said):
    assert said in why(changed("DeviceRequest", **changes))


TWO_SERVICES = {"coding": [OXYGEN.to_fhir(), {"system": OXYGEN.system, "code": "K0738"}]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantity": {"value": 500}}, "quantity"),
        ({"modifier": [{"coding": [{"system": "x", "code": "y"}]}]}, "modifier"),
        ({"productOrService": TWO_SERVICES}, "more than one"),
    ],
)
def test_what_no_policy_weighs_is_not_certified_unseen(changes, said):
    assert said in why(changed_item(**changes))


def test_no_more_days_are_certified_than_were_asked_for():
    asked = {"start": "2026-03-05", "end": "2026-03-14"}
    decision = decided(changed_item(servicedPeriod=asked)).items[0].decision
    assert (decision.starts, decision.ends) == (date(2026, 3, 5), date(2026, 3, 14))


@pytest.mark.parametrize("decision", [a_certification(), a_pend()], ids=lambda one: one.action.name)
def test_the_same_service_for_the_same_days_under_a_new_identifier_is_said_to_be_on_file(decision):
    """The submitter learns under which number; somebody else learns only that there is one."""
    before = an_authorization(decision)
    assert f"requested before under {before.number or before.reference}" in why(on_file=[before])
    other = an_authorization(decision, requestors=frozenset({"urn:x|another"}))
    assert "by somebody else" in why(on_file=[other])
    assert other.reference not in why(on_file=[other])


@pytest.mark.parametrize(
    "before",
    [
        an_authorization(a_certification(starts=date(2025, 1, 1), ends=date(2025, 6, 30))),
        an_authorization(a_pend(action=ReviewAction.CANCELLED)),
        an_authorization(items=(replace(an_authorization().items[0], codes=(replace(OXYGEN, code="E1390"),)),)),
    ],
    ids=["other days", "cancelled", "another service"],
)
def test_what_is_not_the_same_is_no_duplicate(before):
    assert decided(on_file=[before]).header is ReviewAction.CERTIFIED


EARLIER = {"servicedDate": "2026-02-20"}


def test_a_request_after_the_fact_is_told_apart_and_left_to_a_person_unless_the_plan_weighs_it():
    assert "after the fact, for a service" in why(changed_item(**EARLIER))
    assert decided(changed_item(**EARLIER)).retrospective
    assert not decided().retrospective
    begins_today = decided(changed_item(servicedDate="2026-03-01"))
    assert (begins_today.items[0].decision.action, begins_today.retrospective) == (ReviewAction.CERTIFIED, False)
    weighs = Parties(replace(ACME, plans=(replace(PLAN, after_the_fact="weigh"),)), AMY)
    assert "after the fact" not in (decided(changed_item(**EARLIER), known=weighs).items[0].decision.reason or "")


def test_an_emergency_is_told_apart():
    bundle = changed_item(**EARLIER)
    level = {"coding": [{"system": "https://codesystem.x12.org/005010/1338", "code": "03"}]}
    entry(bundle, "Claim")["extension"] = [{"url": LEVEL_OF_SERVICE, "valueCodeableConcept": level}]
    assert decided(bundle).emergency
    assert decided(bundle).urgent
    assert "emergency care" in why(bundle)


def test_payer_and_member_are_found():
    assert (found().payer, found().member, found().requester) == (ACME, AMY, CLINIC)


@pytest.mark.parametrize(
    ("directory", "code", "where"),
    [
        ({"payers": ()}, "79", ".identifier"),
        ({"providers": ()}, "51", ".identifier"),
        ({"members": ()}, "75", ".identifier"),
        ({"members": (replace(AMY, birth_date=date(1951, 2, 1)),)}, "71", ".birthDate"),
        ({"members": (replace(AMY, covered_to=date(2026, 2, 1)),)}, "95", ".period"),
    ],
)
@pytest.mark.requirement("pas-2.0.1@106", "pas-2.0.1@110")
def test_who_is_not_known_is_a_business_error_not_a_refusal(directory, code, where):
    error = found(**directory)
    assert isinstance(error, BusinessError)
    assert error.code == code
    assert error.path.endswith(where)


@pytest.mark.parametrize(
    ("bundle", "code"),
    [
        (changed("Patient", birthDate=None), "58"),
        (changed("Coverage", status="cancelled"), "95"),
        (changed("Coverage", beneficiary={"reference": "Organization/riverside"}), "75"),
        (changed("Coverage", payor=[{"identifier": {"system": "urn:x", "value": "77777"}}]), "79"),
        (changed("Patient", identifier=[{"type": MB, "value": "OTHER"}]), "75"),
        (changed_item(servicedDate="1949-12-31"), "60"),
        (changed("Patient", identifier=[{"type": MR, "value": AMY.member_id}]), None),
    ],
)
def test_the_patient_the_coverage_and_the_member_are_one(bundle, code):
    assert getattr(found(bundle), "code", None) == code


NAMELESS = [
    ([("Patient", "identifier"), ("Coverage", "identifier"), ("Coverage", "subscriberId")], "72"),
    ([("Organization/acme", "identifier")], "T4"),
    ([("Organization/riverside", "identifier")], "43"),
]


@pytest.mark.parametrize(("gone", "code"), NAMELESS, ids=[code for _, code in NAMELESS])
def test_who_is_not_named_by_any_number_is_told_apart_from_who_is_not_known(gone, code):
    bundle = a_submission_bundle()
    for name, element in gone:
        for one in bundle["entry"]:
            if one["fullUrl"].rpartition("/fhir/")[2].startswith(name):
                one["resource"].pop(element, None)
    assert found(bundle).code == code


def test_a_payer_may_do_without_a_birth_date_and_one_that_is_sent_is_the_member_s():
    lenient = replace(ACME, needs_birth_date=False)
    assert found(changed("Patient", birthDate=None), payers=(lenient,)).member == AMY
    assert found(changed("Patient", birthDate="1951-02-01"), payers=(lenient,)).code == "71"


CHILD = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/subscriber-relationship", "code": "child"}]}
SELF = {"coding": [{"system": "https://codesystem.x12.org/005010/1069", "code": "18"}]}
MOTHER = {"relationship": None, "subscriber": {"reference": "Patient/mother"}}
OWN = [{"type": MB, "value": "NEWBORN01"}]
THEIRS = [{"type": MB, "value": AMY.member_id}]


@pytest.mark.parametrize(
    ("identifiers", "coverage", "code"),
    [
        ([], {}, None),
        ([], {"relationship": {"coding": [*CHILD["coding"], *SELF["coding"]]}}, None),
        ([], {"relationship": CHILD}, "72"),
        ([], MOTHER, "72"),
        ([], MOTHER | {"identifier": []}, "72"),
        (THEIRS, {"relationship": CHILD}, "72"),
        ([{"value": AMY.member_id}], {"relationship": CHILD}, "72"),
        (OWN, {"relationship": CHILD}, "75"),
        (THEIRS, {"relationship": CHILD, "subscriberId": "ELSEWHERE1"}, None),
    ],
)
def test_a_patient_without_a_birth_date_is_not_taken_for_the_subscriber(identifiers, coverage, code):
    """A newborn has no number of its own yet: what is asked for it is not weighed as if it were for its mother."""
    bundle = changed("Patient", identifier=identifiers)
    entry(bundle, "Coverage").update({"policyHolder": {"reference": "Patient/mother"}} | coverage)
    mother = {"resourceType": "Patient", "id": "mother"}
    bundle["entry"].append({"fullUrl": f"{EHR}/Patient/mother", "resource": mother})
    assert getattr(found(bundle), "code", None) == ("75" if identifiers == OWN else None)
    entry(bundle, "Patient")["birthDate"] = None
    assert getattr(found(bundle, payers=(replace(ACME, needs_birth_date=False),)), "code", None) == code


def test_a_medical_record_number_is_no_member_number():
    bundle = changed("Patient", identifier=[{"type": MR, "value": AMY.member_id}])
    entry(bundle, "Coverage").update(identifier=[], subscriberId="NOBODY")
    assert found(bundle).code == "75"


def test_a_client_speaks_for_its_own_organizations_only():
    submission = read_submission(a_submission_bundle())
    assert spoken_for(submission, [Identifier("http://hl7.org/fhir/sid/us-npi", "1234567893")])
    assert not spoken_for(submission, [Identifier("http://hl7.org/fhir/sid/us-npi", "1999999984")])
    assert not spoken_for(submission, [])


@pytest.mark.parametrize("first", [True, False])
def test_who_asks_is_the_client_s_own_provider_whatever_numbers_stand_beside_it(first):
    """Else another's trusted name (a gold card) would be anybody's."""
    trusted, own = replace(CLINIC, npi="1144221847"), Identifier(NPI, CLINIC.npi)
    bundle = a_submission_bundle()
    asks = read_submission(bundle).provider.resource
    numbers = [trusted.npi, CLINIC.npi] if first else [CLINIC.npi, trusted.npi]
    asks["identifier"] = [Identifier(NPI, npi).to_fhir() for npi in numbers]
    directory = FakeDirectory(providers=(trusted, CLINIC))
    sent = spoken_for(read_submission(bundle), [own])
    assert parties(sent, directory, NOW).requester == CLINIC
    again = kept_for(read_submission(bundle), requestors_of(sent))
    assert parties(again, directory, NOW).requester == CLINIC


CARD = (GoldCard("*", date(2026, 1, 1)),)
LINDQVIST = "1144221847"


def asked_by_a_role(speaks_for, providers):
    """Who asks is Dr. Lindqvist at the Riverside clinic, sent by a client of some of the two."""
    bundle = a_submission_bundle()
    asking = read_submission(bundle).provider
    role = {
        "resourceType": "PractitionerRole",
        "id": "asks",
        "practitioner": {"reference": "Practitioner/lindqvist"},
        "organization": {"reference": asking.full_url},
    }
    bundle["entry"].append({"fullUrl": f"{EHR}/PractitionerRole/asks", "resource": role})
    entry(bundle, "Claim")["provider"] = {"reference": f"{EHR}/PractitionerRole/asks"}
    sent = spoken_for(read_submission(bundle), [Identifier(NPI, npi) for npi in speaks_for])
    return parties(sent, FakeDirectory(providers=providers), NOW).requester


@pytest.mark.parametrize(
    ("speaks_for", "asks", "trusted"),
    [([CLINIC.npi], CLINIC.npi, False), ([LINDQVIST], LINDQVIST, True), ([LINDQVIST, CLINIC.npi], LINDQVIST, True)],
)
def test_the_gold_card_of_a_practitioner_is_not_the_clinic_s_that_names_them(speaks_for, asks, trusted):
    doctor = replace(CLINIC, npi=LINDQVIST, gold_cards=CARD)
    found = asked_by_a_role(speaks_for, (doctor, CLINIC))
    assert (found.npi, bool(found.gold_cards)) == (asks, trusted)


def test_who_is_known_but_not_the_client_s_own_asks_without_gold_cards():
    """The clinic itself is not on file."""
    doctor = replace(CLINIC, npi=LINDQVIST, gold_cards=CARD)
    assert asked_by_a_role([CLINIC.npi], (doctor,)) == replace(doctor, gold_cards=())
