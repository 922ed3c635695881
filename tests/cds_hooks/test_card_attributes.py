"""CDS Hooks 2.0, attribute by attribute, over every type of answer that we give, in both generations."""

import json
from datetime import date
from functools import cache

import pytest

from cds_hooks import cards
from cds_hooks.cards import Topic
from cds_hooks.order import read_order
from fhir_r4.generations import Generation
from fhir_r4.wire import write_json
from tests.cds_hooks.test_advice import SUGGESTING, answer, portable, with_updates
from tests.given import ACME, HOOKS, FakeDirectory, a_hook_of, an_order

ABSOLUTE = ("https://", "http://")


@cache
def answers():
    """Return an answer of every kind: six hooks, every type of card, both generations."""
    found = []
    for version in ("2.0", "2.2"):
        found += [answer(a_hook_of(hook, version=version)) for hook in HOOKS]
        found.append(answer(a_hook_of("order-sign", about=portable(), version=version), book=SUGGESTING))
        found.append(answer(a_hook_of("order-sign", version=version), has_dtr=False))
        found.append(
            answer(a_hook_of("encounter-start", version=version), directory=with_updates(covered_to=date(2026, 12, 31)))
        )
        outside = FakeDirectory(providers=[])
        found.append(answer(a_hook_of("order-dispatch", version=version), directory=outside))
        order = read_order(an_order(), lambda _: None)
        topic = Topic("appropriate-use", ACME, Generation(version), [order], [order])
        app = cards.launch(topic, "An app", "It helps.", "Open", "https://app.example/launch", "a1")
        found.append({"cards": [app], "systemActions": []})
    return found


def every_card():
    return [card for given in answers() for card in given["cards"]]


def suggestions():
    return [one for card in every_card() for one in card.get("suggestions", [])]


def actions():
    proposed = [action for one in suggestions() for action in one["actions"]]
    return proposed + [action for given in answers() for action in given["systemActions"]]


def links():
    return [link for card in every_card() for link in card.get("links", [])]


def reasons():
    return [reason for card in every_card() for reason in card.get("overrideReasons", [])]


def test_the_answers_looked_at_have_every_kind_of_card():
    topics = {card["source"]["topic"]["code"] for card in every_card()}
    assert topics >= {"guideline", "network", "insurance", "claim", "therapy-alternatives-opt", "appropriate-use"}
    assert {action["type"] for action in actions()} == {"create", "update", "delete"}


@pytest.mark.requirement("cds-hooks-2.0@1", "cds-hooks-2.0@3")
def test_answers_are_json_without_null_or_empty_elements():
    for given in answers():
        read = json.loads(write_json(given))
        assert isinstance(read["cards"], list)
        for card in read["cards"]:
            assert all(value not in (None, "", [], {}) for value in card.values())


@pytest.mark.requirement("cds-hooks-2.0@80", "cds-hooks-2.0@85")
def test_a_card_has_a_uuid_and_a_detail_in_markdown():
    for given in answers():
        uuids = [card["uuid"] for card in given["cards"]]
        assert len(set(uuids)) == len(uuids)
    for card in every_card():
        assert isinstance(card["uuid"], str)
        assert isinstance(card["detail"], str)
        assert "<" not in card["detail"], "Markdown, no HTML"


@pytest.mark.requirement("cds-hooks-2.0@87", "cds-hooks-2.0@89", "cds-hooks-2.0@90")
def test_a_card_says_how_urgent_it_is_and_who_speaks():
    assert {card["indicator"] for card in every_card()} == {"info", "warning"}
    assert all(isinstance(card["source"], dict) for card in every_card())


@pytest.mark.requirement("cds-hooks-2.0@92", "cds-hooks-2.0@93", "cds-hooks-2.0@96")
def test_suggestions_come_with_how_they_may_be_chosen():
    for card in every_card():
        if "suggestions" in card:
            assert isinstance(card["suggestions"], list)
            assert isinstance(card["selectionBehavior"], str)


@pytest.mark.requirement("cds-hooks-2.0@95", "cds-hooks-2.0@124", "cds-hooks-2.0@125")
def test_of_several_suggestions_at_most_one_is_chosen_with_all_its_actions():
    for card in every_card():
        assert card.get("selectionBehavior", "at-most-one") == "at-most-one"
    assert all(isinstance(one["actions"], list) for one in suggestions())
    assert any(len(one["actions"]) == 2 for one in suggestions())


@pytest.mark.requirement("cds-hooks-2.0@98", "cds-hooks-2.0@100", "cds-hooks-2.0@136")
def test_override_reasons_are_codings_with_words():
    assert reasons()
    for card in every_card():
        assert isinstance(card.get("overrideReasons", []), list)
    assert all(isinstance(one["display"], str) and one["display"] for one in reasons())


@pytest.mark.requirement("cds-hooks-2.0@103", "cds-hooks-2.0@138", "cds-hooks-2.0@139")
def test_links_have_a_label_and_a_url():
    assert links()
    assert all(isinstance(card.get("links", []), list) for card in every_card())
    assert all(isinstance(link["label"], str) and link["url"].startswith(ABSOLUTE) for link in links())


@pytest.mark.requirement("cds-hooks-2.0@141", "cds-hooks-2.0@142", "cds-hooks-2.0@147")
def test_a_link_is_absolute_without_a_context_or_a_smart_app():
    assert {link["type"] for link in links()} == {"absolute", "smart"}
    assert not any("appContext" in link for link in links() if link["type"] == "absolute")


@pytest.mark.requirement("cds-hooks-2.0@144")
def test_the_context_of_an_app_is_a_string():
    assert [link["appContext"] for link in links() if link["type"] == "smart"] == ["a1", "a1"]


@pytest.mark.requirement("cds-hooks-2.0@105", "cds-hooks-2.0@107", "cds-hooks-2.0@111")
def test_the_source_has_a_label_and_absolute_urls():
    for source in (card["source"] for card in every_card()):
        assert isinstance(source["label"], str)
        assert source["url"].startswith(ABSOLUTE)
        assert source.get("icon", "https://").startswith(ABSOLUTE)


@pytest.mark.requirement("cds-hooks-2.0@115", "cds-hooks-2.0@220")
def test_the_topic_is_a_coding():
    for topic in (card["source"]["topic"] for card in every_card()):
        assert {"system", "code", "display"} == topic.keys()


@pytest.mark.requirement("cds-hooks-2.0@117", "cds-hooks-2.0@119", "cds-hooks-2.0@121")
def test_a_suggestion_has_a_label_and_a_uuid_of_its_own():
    for given in answers():
        uuids = [one["uuid"] for card in given["cards"] for one in card.get("suggestions", [])]
        assert len(set(uuids)) == len(uuids)
    for one in suggestions():
        assert isinstance(one["label"], str)
        assert isinstance(one["uuid"], str)
        assert isinstance(one.get("isRecommended", False), bool)


@pytest.mark.requirement("cds-hooks-2.0@127", "cds-hooks-2.0@128", "cds-hooks-2.0@130")
def test_an_action_has_a_type_a_description_and_a_resource():
    for action in actions():
        assert action["type"] in {"create", "update", "delete"}
        assert isinstance(action["description"], str)
        assert isinstance(action.get("resource", {}), dict)


@pytest.mark.requirement("cds-hooks-2.0@135")
def test_what_is_deleted_is_named_by_a_string():
    assert all(isinstance(one["resourceId"], str) for one in actions() if one["type"] == "delete")


@pytest.mark.requirement("cds-hooks-2.0@216", "cds-hooks-2.0@217", "cds-hooks-2.0@218")
def test_every_coding_has_a_system_and_a_code():
    for coding in [*reasons(), *(card["source"]["topic"] for card in every_card())]:
        assert isinstance(coding["system"], str)
        assert isinstance(coding["code"], str)


@pytest.mark.requirement("cds-hooks-2.0@219", "cds-hooks-2.0@214")
def test_reasons_are_in_words_and_extensions_are_objects():
    assert all(one["display"] for one in reasons())
    for card in every_card():
        assert isinstance(card.get("extension", {}), dict)


@pytest.mark.requirement("crd-2.2.1@resp-17", "crd-2.2.1@resp-23")
def test_no_card_sends_anybody_to_a_portal():
    """To start an authorization or to learn of coverage nobody has to leave the EHR: links lead to what is public."""
    for card in every_card():
        assert not any("portal" in text.lower() for text in (card["summary"], card["detail"]))
    assert not any(link["url"].startswith(ACME.url) for link in links() if link["type"] == "absolute")


@pytest.mark.requirement("crd-2.2.1@resp-13", "crd-2.0.1@247")
def test_every_answer_keeps_to_the_general_model_and_coverage_is_always_said():
    for given in answers()[: len(HOOKS)]:
        assert given["systemActions"]
    for card in every_card():
        assert {"uuid", "summary", "indicator", "source"} <= card.keys()
