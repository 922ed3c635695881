"""What policy staff write is what who orders reads: instructions, apps and required alternatives, at every hook."""

import pytest

from cds_hooks.services import SERVICES
from fhir_r4.systems import CRD_CARD_TYPE, CRD_TEMP
from rules.book import PolicyBook
from rules.load import load_policy
from rules.ports import Standing
from rules.reading import reading
from rules.yaml_lines import FaultyFile
from tests.cds_hooks.test_advice import BOTH, answer, by_topic
from tests.given import HOOKS, OXYGEN, TODAY, a_hook_of

TYPES = (
    "guideline", "off-guideline", "clinical-reminder", "duplicate-therapy", "contraindication", "limits", "cost",
    "appropriate-use",
)  # fmt: skip
TEXT = """\
policy: advised-oxygen
title: Oxygen with advice
version: "1"
effective: 2026-01-01
sources: [{cite: A document, url: "https://acmehealth.example/oxygen"}]
applies-to: {HCPCS: ["E0424"]}
coverage-information: {covered: covered, pa-needed: auth-needed, doc-needed: clinical}
instructions:
  - {summary: "Three systems a year are covered", detail: "The fourth is looked at.", about: limits}
  - {summary: "Say where the system is to stand", detail: "Home or clinic.", when: {at home: missing}}
  - {summary: "This is for the home only, if at all", detail: "Elsewhere it is not.", when: {at home: yes}}
apps:
  - {summary: "The oxygen advisor may help here", detail: "It compares systems.", label: Oxygen advisor,
     url: "https://apps.acmehealth.example/launch", context: "home-oxygen"}
suggestions:
  - {card: alternative, summary: "A concentrator is to be tried first", detail: "It serves most people.",
     order: DeviceRequest, code: {HCPCS: "E1390"}, title: Concentrator, required: true}
facts: {place: {type: code, order: place-of-service}}
criteria: {at home: "%place = '12'"}
decisions:
  - {then: pend, say: A nurse reviews this request.}
cases:
  - {name: always, given: {}, expect: pend}
"""


def a_book(text=TEXT):
    return PolicyBook([load_policy(text, "advised-oxygen/1.yaml")])


def shown(hook="order-sign", text=TEXT, version="2.2", standing=(), **options):
    body = a_hook_of(hook, version=version, configuration=options)
    return by_topic(answer(body, book=a_book(text), standing=standing))


@pytest.mark.parametrize("hook", HOOKS)
@BOTH
@pytest.mark.requirement("crd-2.0.1@249", "crd-2.2.1@resp-24")
def test_an_instruction_is_shown_at_every_hook_without_links_or_suggestions(hook, version):
    (card,) = shown(hook, version=version)["limits"]
    assert (card["summary"], card["detail"]) == ("Three systems a year are covered", "The fourth is looked at.")
    assert card["indicator"] == "warning"
    assert {"links", "suggestions"}.isdisjoint(card)
    assert card["source"]["topic"]["system"] == {"2.0": CRD_TEMP, "2.2": CRD_CARD_TYPE}[version]


@pytest.mark.parametrize("hook", HOOKS)
@BOTH
@pytest.mark.requirement("cds-hooks-2.0@145", "cds-hooks-2.0@146")
def test_an_app_is_launched_by_its_link_and_told_its_context(hook, version):
    (card,) = shown(hook, version=version)["appropriate-use"]
    (link,) = card["links"]
    assert link == {
        "label": "Oxygen advisor", "url": "https://apps.acmehealth.example/launch", "type": "smart",
        "appContext": "home-oxygen",
    }  # fmt: skip
    assert "suggestions" not in card


def test_what_hangs_on_a_criterion_is_shown_where_it_holds():
    assert [card["summary"] for card in shown()["guideline"]] == ["Say where the system is to stand"]


@BOTH
@pytest.mark.requirement("crd-2.0.1@282", "crd-2.2.1@resp-53")
def test_an_alternative_that_is_to_be_tried_first_comes_first(version):
    given = answer(a_hook_of("order-sign", version=version), book=a_book())
    first = given["cards"][0]
    assert first["source"]["topic"]["code"] == "therapy-alternatives-req"
    assert [[action["type"] for action in one["actions"]] for one in first["suggestions"]] == [["update"]]


@pytest.mark.parametrize("topic", TYPES)
@pytest.mark.requirement("crd-2.0.1@124", "crd-2.2.1@dev-10")
def test_each_type_can_be_switched_off_and_is_offered_at_every_hook(topic):
    text = TEXT.replace("about: limits", f"about: {topic}")
    wanted = {"Three systems a year are covered"}
    assert wanted <= {card["summary"] for card in shown(text=text)[topic]}
    assert topic not in shown(text=text, **{topic: False})
    for service in SERVICES.values():
        assert topic in {option.code for option in service.options}


def test_with_an_authorization_on_file_nothing_more_is_advised():
    on_file = Standing("PA1", (OXYGEN,), TODAY, TODAY.replace(year=2027))
    assert shown(standing=[on_file]) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("about: limits", "about: insurance"),
        ("when: {at home: yes}", "when: {at hone: yes}"),
        ("https://apps.acmehealth.example/launch", "http://apps.acmehealth.example/launch"),
        ("https://apps.acmehealth.example/launch", "https://pa.acmehealth.example/dtr/launch"),
        ('"Three systems a year are covered"', f'"{"x" * 140}"'),
        ("card: alternative", "card: companion"),
        ('detail: "The fourth is looked at."', 'links: ["https://acmehealth.example/portal"]'),
    ],
)  # fmt: skip
def test_a_card_that_the_guide_does_not_have_is_refused_with_its_line(old, new):
    with pytest.raises(FaultyFile) as faulty:
        a_book(TEXT.replace(old, new))
    assert faulty.value.faults[0].line > 7


KEPT = TEXT.replace(
    "pa-needed: auth-needed, doc-needed: clinical", "pa-needed: no-auth, doc-needed: clinical, doc-purpose: retain-doc"
)


@BOTH
@pytest.mark.parametrize("hook", HOOKS)
def test_documents_for_another_purpose_are_asked_for_without_authorization(hook, version):
    """At a secondary hook it is too early for any."""
    (action,) = answer(a_hook_of(hook, version=version), book=a_book(KEPT))["systemActions"]
    said = action["resource"]["extension"][0]["extension"]
    told = {part["url"]: part.get("valueCode") for part in said}
    assert told["pa-needed"] == "no-auth"
    documents = {"doc-needed": "clinical", "doc-purpose": "retain-doc"} if SERVICES[f"{hook}-crd"].primary else {}
    assert {name: told[name] for name in ("doc-needed", "doc-purpose") if name in told} == documents


def test_a_purpose_is_of_documents():
    with pytest.raises(FaultyFile) as faulty:
        a_book(TEXT.replace("doc-needed: clinical", "doc-purpose: retain-doc"))
    assert "doc-needed" in str(faulty.value)


def test_they_stand_on_the_policy_s_page():
    (policy,) = a_book()
    words = {one.name: one.words for section in reading(policy) for one in section.statements}
    assert words["instruction: limits"] == "Three systems a year are covered"
    assert words["app Oxygen advisor"].endswith("https://apps.acmehealth.example/launch")


def test_what_documents_are_for_stands_there_too():
    (policy,) = a_book(KEPT)
    words = {one.name: one.words for section in reading(policy) for one in section.statements}
    assert words["documents"] == "clinical: kept in the record"
