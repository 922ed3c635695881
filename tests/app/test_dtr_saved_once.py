"""A form is in the EHR once, however often saving it was tried, and over nobody's later word: EHRs of several makes."""

import re
from itertools import count

import pytest

from app.clients.outbound import OutboundFailed, Reply
from app.dtr.record import Record
from app.dtr.saving import ChangedMeanwhile, NotTaken
from app.dtr.told import nobody
from fhir_r4.wire import read_object, write_json
from rules.ports import EhrUnavailable
from tests.app.other_payer import a_form
from tests.app.test_dtr_filling import Opened, item
from tests.app.test_dtr_saving import completes, kept
from tests.app.town import Browser

BASE = "https://ehr.example.org/fhir"
SENT = {
    "resourceType": "QuestionnaireResponse",
    "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:6ba7b810-9dad-41d1-80b4-00c04fd430c8"},
    "subject": {"reference": "Patient/amy"},
    "status": "in-progress",
    "item": [{"linkId": "1", "answer": [{"valueString": "so"}]}],
}
OTHERWISE = SENT | {"item": [{"linkId": "1", "answer": [{"valueString": "otherwise"}]}]}


class AnEhr:
    """An EHR behind a door.

    Attributes:
        lost: how many writes from now on are done and never answered; ``refused`` how many are not done either.
        heeds: the conditions that it knows; ``says`` what it answers a write with.
    """

    def __init__(self, heeds=("If-None-Exist", "If-Match"), says=("body", "Location", "ETag")):
        self.heeds, self.says, self.lost, self.refused = heeds, says, 0, 0
        self.held, self.versions, self.ids, self.writes = {}, {}, count(1), []

    def send(self, method, url, *, headers, body=None, **_):
        path = url.removeprefix(f"{BASE}/QuestionnaireResponse")
        if method == "GET":
            return self.got(path)
        self.writes.append(method)
        if self.refused:
            self.refused -= 1
            raise OutboundFailed("no connection")
        reply = self.written(method, path.strip("/"), read_object(body), headers)
        if self.lost:
            self.lost -= 1
            raise OutboundFailed("too slow")
        return reply

    def written(self, method, identity, sent, headers):
        known = {name: headers[name] for name in self.heeds if name in headers}
        if method == "POST" and (asked := known.get("If-None-Exist")):
            told = "identifier={system}|{value}".format(**sent["identifier"])
            assert asked == told
            if self.held:
                return self.told(200, next(iter(self.held)))
        if (
            method == "PUT"
            and known.get("If-Match", f'W/"{self.versions[identity]}"') != f'W/"{self.versions[identity]}"'
        ):
            return Reply(412, {}, b"")
        identity = identity or str(next(self.ids))
        self.versions[identity] = self.versions.get(identity, 0) + 1
        self.held[identity] = {**sent, "id": identity, "meta": {"versionId": str(self.versions[identity])}}
        return self.told(201 if method == "POST" else 200, identity)

    def told(self, status, identity):
        version = self.versions[identity]
        headers = {"Location": f"{BASE}/QuestionnaireResponse/{identity}/_history/{version}", "ETag": f'W/"{version}"'}
        body = write_json(self.held[identity]) if "body" in self.says else b""
        return Reply(status, {name: said for name, said in headers.items() if name in self.says}, body)

    def got(self, path):
        if identity := path.strip("/").partition("?")[0]:
            return Reply(200, {}, write_json(self.held[identity]))
        assert "patient=amy" in path
        entries = [{"resource": one} for one in self.held.values()]
        return Reply(200, {}, write_json({"resourceType": "Bundle", "type": "searchset", "entry": entries}))

    def only(self):
        (one,) = self.held.values()
        return one["item"][0]["answer"][0]["valueString"]

    @property
    def record(self):
        return Record(self, BASE, "token", nobody)


KINDS = pytest.mark.parametrize(
    "ehr",
    [AnEhr, lambda: AnEhr(heeds=()), lambda: AnEhr(says=("Location",)), lambda: AnEhr(heeds=("If-Match",), says=())],
    ids=["of the book", "without conditions", "says where alone", "says nothing"],
)


@KINDS
def test_a_form_whose_saving_was_never_answered_is_found_and_not_made_again(ehr):
    ehr = ehr()
    ehr.lost = 1
    saved = ehr.record.save(SENT, "save")
    assert saved["id"] == "1"
    assert ehr.record.save(saved | OTHERWISE, "save")["id"] == "1"
    assert (ehr.only(), ehr.writes) == ("otherwise", ["POST", "PUT"])


@KINDS
def test_a_form_that_was_saved_once_is_updated_from_then_on(ehr):
    ehr = ehr()
    saved = ehr.record.save(SENT, "save")
    for _ in range(2):
        saved = ehr.record.save(saved | OTHERWISE, "save")
    assert (ehr.only(), ehr.writes) == ("otherwise", ["POST", "PUT", "PUT"])


def test_what_a_lost_first_try_has_become_since_is_not_written_over():
    """Whoever saves is told what the EHR has: it may be the first try, or what a colleague made of it."""
    ehr = AnEhr()
    ehr.written("POST", "", OTHERWISE, {})
    with pytest.raises(ChangedMeanwhile) as changed:
        ehr.record.save(SENT, "save")
    assert changed.value.held["item"] == OTHERWISE["item"]
    assert ehr.only() == "otherwise"


def test_a_form_that_did_not_come_to_the_ehr_is_told_so():
    ehr = AnEhr()
    ehr.refused = 1
    with pytest.raises(EhrUnavailable):
        ehr.record.save(SENT, "save")
    assert ehr.record.save(SENT, "save")["id"] == "1"


@pytest.mark.parametrize("says", [("body",), ("ETag",), ("Location",)], ids=lambda says: says[0])
def test_what_somebody_else_saved_meanwhile_is_not_written_over(says):
    ehr = AnEhr(says=says)
    mine = ehr.record.save(SENT, "save")
    ehr.record.save(mine | OTHERWISE, "save")
    with pytest.raises(ChangedMeanwhile):
        ehr.record.save(mine | {"status": "completed"}, "save")
    assert ehr.only() == "otherwise"


@KINDS
def test_an_update_that_was_done_and_never_answered_is_no_conflict(ehr):
    ehr = ehr()
    saved = ehr.record.save(SENT, "save")
    ehr.lost = 1
    again = ehr.record.save(saved | OTHERWISE, "save")
    again = ehr.record.save(again | SENT, "save")
    assert (ehr.only(), ehr.writes) == ("so", ["POST", "PUT", "PUT"])


def test_an_ehr_that_answers_what_nobody_can_read_is_looked_into():
    ehr = AnEhr()
    told = ehr.told
    ehr.told = lambda *asked: Reply(502, {}, b"<html>Bad gateway</html>") if told(*asked) else None
    assert ehr.record.save(SENT, "save")["id"] == "1"
    assert ehr.writes == ["POST"]


OUTCOME = (
    b'{"resourceType": "OperationOutcome", "issue": [{"diagnostics": "no such practitioner."}, {"code": "invalid"}]}'
)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (422, OUTCOME, "no such practitioner"),
        (403, b"<html>No</html>", ""),
        (400, b"", ""),
        (412, OUTCOME, "no such practitioner"),
    ],
)
def test_what_an_ehr_refuses_it_is_not_asked_about_again_and_its_words_are_told(status, body, words):
    ehr = AnEhr()
    ehr.written = lambda *_: Reply(status, {}, body)
    with pytest.raises(NotTaken) as refused:
        ehr.record.save(SENT, "save")
    assert str(refused.value) == words
    assert ehr.writes == ["POST"] * (2 if status == 400 else 1)  # without the condition


def test_who_saves_is_told_what_the_ehr_says(visitor, stranger, monkeypatch):
    def save(*_, **__):
        raise NotTaken("no such practitioner")

    it = Opened(visitor, stranger, a_form(item("1")))
    monkeypatch.setattr(Record, "save", save)
    told = it.types("save", **{"1": {"valueString": "so far"}})
    assert told.status_code == 409
    assert 'It says: "no such practitioner"' in told.json()["error"]


def test_each_form_has_an_identifier_of_its_own_that_it_keeps(visitor, stranger):
    it = Opened(visitor, stranger, a_form(item("1")))
    first = it.response["identifier"]
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", first["value"])
    it.types("save", **{"1": {"valueString": "so far"}})
    assert kept(visitor)["identifier"] == first
    again = Opened(Browser(visitor.town), stranger, a_form(item("1")))
    assert again.response["identifier"] == first
    completes(again, **{"1": {"valueString": "so"}})
    other = Opened(Browser(visitor.town), stranger, a_form(item("1"), url="https://payer.example.org/Questionnaire/b"))
    assert other.response["identifier"] != first


def test_what_a_colleague_saved_meanwhile_stays_and_who_saves_later_is_told(visitor, stranger):
    mine = Opened(visitor, stranger, a_form(item("1")))
    mine.types("save", **{"1": {"valueString": "so far"}})
    theirs = Opened(Browser(visitor.town), stranger, a_form(item("1")))
    theirs.types("save", **{"1": {"valueString": "the colleague's"}})
    told = mine.types("save", **{"1": {"valueString": "mine"}})
    assert told.status_code == 409
    assert "was saved in the EHR from elsewhere" in told.json()["error"]
    assert kept(visitor)["item"][0]["answer"][0]["valueString"] == "the colleague's"
    assert mine.look().value("1") == "mine"
    assert completes(theirs, **{"1": {"valueString": "both"}}).status_code == 200


def test_a_form_that_the_ehr_took_late_and_without_a_word_is_no_colleague_s(visitor, stranger, monkeypatch):
    """It answers neither the update nor the look at what it has; what was changed since goes over it."""
    it = Opened(visitor, stranger, a_form(item("1")))
    it.types("save", **{"1": {"valueString": "first"}})
    unheard(it, monkeypatch)
    assert it.types("save", **{"1": {"valueString": "third"}}).status_code == 200
    assert kept(visitor)["item"][0]["answer"][0]["valueString"] == "third"


def unheard(it, monkeypatch):
    """Save what the EHR takes without a word."""
    save = Record.save

    def taken(record, resource, what, **more):
        save(record, resource, what, **more)
        raise EhrUnavailable("too slow")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Record, "save", taken)
        assert it.types("save", **{"1": {"valueString": "mine"}}).status_code == 409


def test_a_form_whose_first_saving_was_not_answered_goes_on_without_a_second_one(visitor, stranger, monkeypatch):
    """The EHR of the tests knows no condition for what it creates."""
    mine = Opened(visitor, stranger, a_form(item("1")))
    unheard(mine, monkeypatch)
    unheard(mine, monkeypatch)
    assert mine.types("save", **{"1": {"valueString": "mine still"}}).status_code == 200
    assert kept(visitor)["item"][0]["answer"][0]["valueString"] == "mine still"


@pytest.mark.parametrize(
    "theirs",
    [{"authored": "2026-01-05T10:00:00Z"}, {"author": {"reference": "Practitioner/a-colleague"}}],
    ids=["at another time", "in the same second"],
)
def test_what_a_colleague_made_of_a_form_whose_first_saving_was_not_answered_stays(
    visitor, stranger, monkeypatch, theirs
):
    mine = Opened(visitor, stranger, a_form(item("1")))
    unheard(mine, monkeypatch)
    answered = {"linkId": "1", "answer": [{"valueString": "the colleague's"}]}
    records = visitor.town.sandbox.extensions["ehr"].records
    records.put(kept(visitor) | {"item": [answered]} | theirs)
    told = mine.types("save", **{"1": {"valueString": "mine still"}})
    assert "was saved in the EHR from elsewhere" in told.json()["error"]
    assert kept(visitor)["item"][0]["answer"][0]["valueString"] == "the colleague's"
