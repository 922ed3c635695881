"""The policies as pages: browse, read, compare, try a case; and looking up whether a code needs authorization."""

import json
import re
import shutil
from dataclasses import replace
from html import unescape

import pytest

from app.policies import ActivePolicies
from app.storage import tables
from app.web import create_app
from tests.app.fixtures import ROOT
from tests.app.test_policies import OXYGEN, add_version, looks
from tests.given import BOOK, a_form_response, a_submission_bundle

PLAN = "ACME-MA-HMO-2026"
EVERY_POLICY = {policy.id for policy in BOOK}


@pytest.fixture
def folder(house, tmp_path):
    """The house's policies in a folder that the test may change."""
    policies = tmp_path / "policies"
    shutil.copytree(ROOT / "rules" / "policies", policies)
    object.__setattr__(
        house.service, "policies", ActivePolicies(replace(house.config, policies=policies), house.service.database)
    )
    looks(house)
    return policies


@pytest.fixture
def public(house):
    """A stranger's browser at a house that opens its policies to everybody."""
    config = replace(house.config, public_policies=True)
    return create_app(config, replace(house.service, config=config)).test_client()


def text(page):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


# browsing


def test_a_policy_without_a_version_leads_to_the_one_in_force(silva):
    answer = silva.browser.get("/policies/home-oxygen")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/policies/home-oxygen/2026.1")


@pytest.mark.parametrize("unknown", ["nothing", "%3Cscript%3E", "plan-exclusions", "no-authorization"])
def test_an_unknown_policy_is_not_found(silva, unknown):
    assert silva.browser.get(f"/policies/{unknown}").status_code == 404


def test_all_policies_are_listed_with_codes_and_what_they_ask(silva):
    page = text(silva.browser.get("/policies").text)
    for words in ("Home oxygen, stationary system", "E0424", "72148", "Prior authorization is needed.", "in force"):
        assert words in page


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("code=e0424", {"home-oxygen"}),
        ("code=72148", {"lumbar-mri"}),
        ("code=99999", set()),
        ("words=OXYGEN", {"home-oxygen"}),
        ("state=in+force", EVERY_POLICY),
        ("state=draft", set()),
        ("state=nonsense&page=77", EVERY_POLICY),
        ("code=%3Cscript%3E", set()),
        ("owner=nobody", set()),
    ],
)
def test_filters_leave_what_they_say(silva, query, seen):
    page = silva.browser.get(f"/policies?{query}")
    assert page.status_code == 200
    assert set(re.findall(r'href="/policies/([^/"]+)/', page.text)) == seen
    assert "<script" not in page.text


def test_an_upcoming_version_is_told_from_the_one_in_force(silva, house, folder):
    add_version(folder, "2027.1", "2027-01-01")
    looks(house)
    page = text(silva.browser.get("/policies/home-oxygen/2026.1").text)
    assert "2027.1 upcoming from 2027-01-01" in page
    assert "home-oxygen/2026.1" in silva.browser.get("/policies?code=E0424").text, "the one in force is linked"


def test_staff_see_why_a_changed_folder_was_refused_and_strangers_do_not(silva, house, folder, public):
    (folder / OXYGEN).write_text("policy: [ <script>")
    looks(house)
    page = silva.browser.get("/policies").text
    assert "The changed folder is refused" in page
    assert "home-oxygen/2026.1.yaml:1" in page
    assert "<script" not in page
    assert "refused" not in public.get("/policies").text


# reading


def test_a_policy_reads_as_a_page_and_not_as_yaml(silva):
    page = text(silva.browser.get("/policies/home-oxygen/2026.1").text)
    for words in (
        "For whom", "All plans and members", "Oxygen saturation (%)", "a number from 50 to 100 in %",
        "spo2 is at most 88 % or pao2 is at most 55 mm Hg", "Otherwise: a person decides.",
        "NCD 240.2, Home Use of Oxygen", "all 15 as expected", "Version 2026.1, from 1 January 2026",
    ):  # fmt: skip
        assert words in page


@pytest.mark.parametrize("policy", ["home-oxygen", "lumbar-mri", "bath-chair"])
def test_every_policy_has_a_page_and_can_be_tried(silva, policy):
    assert silva.browser.get(f"/policies/{policy}/2026.1").status_code == 200
    answer = silva.post(f"/policies/{policy}/2026.1/try", {})
    assert answer.status_code == 200
    assert "holds:" in answer.text


def test_versions_are_compared_in_sentences(silva, house, folder):
    add_version(folder, **{"%spo2 <= 88 or": "%spo2 <= 87 or", "spo2: 88,": "spo2: 87,"})
    looks(house)
    page = text(silva.browser.get("/policies/home-oxygen/differences?old=2026.1&new=2026.2").text)
    assert "Changed: group I was: spo2 is at most 88 %" in page
    same = silva.browser.get("/policies/home-oxygen/differences?old=2026.1&new=2026.1").text
    assert "The two say the same" in same


@pytest.mark.parametrize(
    "path",
    [
        "/policies/home-oxygen/2031.1",
        "/policies/%3Cscript%3E/1",
        "/policies/home-oxygen/2031.1/try",
        "/policies/home-oxygen/differences",
        "/policies/home-oxygen/differences?old=2026.1&new=%3Cscript%3E",
        "/policies/lumbar-mri/differences?old=2026.1&new=2026.2",
    ],
)
def test_what_there_is_not_is_a_page_that_says_so(silva, path):
    answer = silva.browser.get(path)
    assert answer.status_code == 404
    assert "There is no such policy" in answer.text
    assert "<script" not in answer.text


def write_hostile(folder, *changes):
    text = (folder / OXYGEN).read_text().replace('"2026.1"', '"2026.2"').replace("2026-01-01", "2026-02-01")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "home-oxygen" / "2026.2.yaml").write_text(text)


def test_hostile_words_in_a_policy_are_words(silva, house, folder):
    write_hostile(
        folder,
        ("title:     Home oxygen, stationary system", 'title: "<script>alert(1)</script>"'),
        ("A nurse reviews this request; the values", "<img src=x onerror=alert(1)> the values"),
        ("name: 92 percent,", 'name: "<script>case</script>",'),
    )
    looks(house)
    assert house.service.policies.refusal is None
    for path in ("", "/home-oxygen/2026.2", "/home-oxygen/differences?old=2026.1&new=2026.2"):
        page = silva.browser.get(f"/policies{path}").text
        assert "<script" not in page
        assert "<img src=x" not in page
    tried = silva.post("/policies/home-oxygen/2026.2/try", {"fact-spo2": "<script>"}).text
    assert "<script" not in tried
    assert "<img src=x" not in tried
    found = silva.browser.get(f"/lookup?code=E0424&plan={PLAN}&on=2026-03-01").text
    assert "&lt;script&gt;" in found
    assert "<img src=x" not in found


def test_an_address_that_runs_something_is_no_link(silva, house, folder):
    """Whether the loader refuses it or not: what reaches a page as a link is http."""
    write_hostile(folder, ('url: "https://www.cms.gov/medicare', 'url: "javascript:alert(1)//www.cms.gov/medicare'))
    looks(house)
    for path in ("/policies/home-oxygen/2026.2", f"/lookup?code=E0424&plan={PLAN}&on=2026-03-01"):
        assert 'href="javascript:' not in silva.browser.get(path).text


# trying


def test_a_made_up_case_shows_the_decision_and_why(silva):
    facts = {"fact-spo2": "89", "fact-tested": "2026-02-20", "fact-at_rest": "yes", "fact-edema": "yes"}
    days = {"authored": "2026-03-01", "received": "2026-03-01"}
    page = text(silva.post("/policies/home-oxygen/2026.1/try", facts | days).text)
    assert "Row 5 holds: certify for 3 months." in page
    assert "given in the case" in page
    assert "“group I” is missing, and the row asks for yes" in page


@pytest.mark.parametrize("value", ["0.95", "a lot", "1e999", "9" * 500, "NaN", "-", "\u0663", "<script>"])
def test_a_value_that_is_none_is_missing_with_a_note(silva, value):
    answer = silva.post("/policies/home-oxygen/2026.1/try", {"fact-spo2": value, "authored": "x", "fact-zzz": "1"})
    assert answer.status_code == 200
    assert "taken as missing" in answer.text
    assert "<script" not in answer.text


def test_trying_keeps_nothing_and_takes_forms_of_this_site_only(silva, house):
    before = {table: len(house.rows(tables.metadata.tables[table])) for table in ("events", "authorizations")}
    silva.post("/policies/home-oxygen/2026.1/try", {"fact-spo2": "88"})
    assert {name: len(house.rows(tables.metadata.tables[name])) for name in before} == before
    assert silva.browser.post("/policies/home-oxygen/2026.1/try", data={"fact-spo2": "88"}).status_code == 400


def test_a_page_of_a_version_that_is_no_more_says_so(silva, house, folder):
    """A draft may go while somebody has its form open."""
    file = folder / "home-oxygen" / "2026.2.yaml"
    file.write_text((folder / OXYGEN).read_text().replace('version:   "2026.1"', 'version:   "2026.2"\nstatus: draft'))
    looks(house)
    form = silva.form("/policies/home-oxygen/2026.2/try")
    file.unlink()
    looks(house)
    assert house.service.policies.refusal is None
    answer = silva.browser.post("/policies/home-oxygen/2026.2/try", data=form)
    assert answer.status_code == 404


# looking up


def test_a_code_that_needs_authorization_says_on_what_conditions_and_with_which_form(silva):
    page = text(silva.browser.get(f"/lookup?code=e0424&plan={PLAN}&on=2026-03-01").text)
    for words in (
        "Prior authorization is needed.", "E0424 under Acme Medicare Advantage HMO, on 1 March 2026",
        "Form Home oxygen", "Otherwise: a person decides", "NCD 240.2",
    ):  # fmt: skip
        assert words in page


@pytest.mark.parametrize(
    ("code", "says"),
    [("E0240", "The plan does not cover this."), ("99213", "No prior authorization is needed.")],
)
def test_what_is_excluded_and_what_no_policy_has_is_told(silva, code, says):
    assert says in text(silva.browser.get(f"/lookup?code={code}&plan={PLAN}&on=2026-03-01").text)


def test_a_line_of_the_payer_s_lists_answers_and_is_named(silva, house, folder):
    """With the days on which it holds; it has no page of its own."""
    head = "system,code,from,to,reason\n"
    lists = {
        "plan-exclusions.csv": "CPT,15824,2026-01-01,,Excluded: surgery of the face for looks.",
        "no-authorization.csv": "HCPCS,E0424,2026-01-01,2026-12-31,Nothing is asked for home oxygen.",
    }
    for name, line in lists.items():
        (house.config.data / name).write_text(f"{head}{line}\n")
    looks(house)
    for code, says in (("15824", "The plan does not cover this."), ("E0424", "No prior authorization is needed.")):
        page = text(silva.browser.get(f"/lookup?code={code}&plan={PLAN}&on=2026-03-01").text)
        assert says in page
        assert "By line 2 of" in page
    body = silva.browser.get(f"/lookup.json?code=E0424&plan={PLAN}&on=2026-03-01").json
    assert body["list"] == {
        "file": "no-authorization.csv", "line": 2, "title": "The plan's list of services that need no authorization",
        "url": "/policies/lists#no-authorization-2", "effective": "2026-01-01", "expires": "2026-12-31",
    }  # fmt: skip
    assert (body["policy"], body["pa-needed"], body["reason"]) == (None, "no-auth", "Nothing is asked for home oxygen.")
    documented = (ROOT / "docs" / "lookup.md").read_text()
    assert all(f"`{key}`" in documented for key in body)
    (version,) = [one.version for one in house.service.book.lists if one.id == "no-authorization"]
    assert silva.browser.get(f"/policies/no-authorization/{version}").status_code == 404
    assert "no-authorization" not in silva.browser.get("/policies").text


def test_the_payer_s_lists_are_read_as_a_page(silva, house, folder):
    """With an end that has come, for whom a line is, and what is not there."""
    assert "There is no no-authorization.csv" in text(silva.browser.get("/policies/lists").text)
    (house.config.data / "plan-exclusions.csv").write_text(
        "system,code,from,to,reason,plans,url\n"
        "CPT,15824-15829,2026-01-01,,Excluded: <b>surgery</b> of the face for looks.,ACME-*,https://acmehealth.example/b\n"
        "HCPCS,E0240,2025-01-01,2025-12-31,Excluded: chairs for the bath.,,\n"
    )
    looks(house)
    page = silva.browser.get("/policies/lists").text
    assert 'id="plan-exclusions-2"' in page
    assert "&lt;b&gt;surgery" in page
    assert "15824-15829 from 1 Jan 2026 ACME-* Excluded" in text(page)
    assert "E0240 from 1 Jan 2025 to 31 Dec 2025 ended everybody Excluded" in text(page)
    of_a_code = text(silva.browser.get("/policies/lists?code=15826").text)
    assert "15824-15829" in of_a_code
    assert "E0240" not in of_a_code
    for code in ("99213", "<script>", "9" * 900):
        assert "No line of plan-exclusions.csv has this code" in text(
            silva.browser.get(f"/policies/lists?code={code}").text
        )


def test_of_a_long_list_no_more_is_shown_than_can_be_read(silva, house, folder):
    lines = "".join(f"HCPCS,E{number:04},2026-01-01,,Nothing is asked.\n" for number in range(300))
    (house.config.data / "no-authorization.csv").write_text(f"system,code,from,to,reason\n{lines}")
    looks(house)
    page = text(silva.browser.get("/policies/lists").text)
    assert "The first 200 of 300 lines" in page
    assert "E0250" not in page
    assert "E0250" in text(silva.browser.get("/policies/lists?code=E0250").text)


def test_the_policy_of_the_day_of_service_answers(silva, house, folder):
    add_version(folder, "2027.1", "2027-01-01")
    looks(house)
    answers = [
        silva.browser.get(f"/lookup.json?code=E0424&plan={PLAN}&on={on}").json for on in ("2026-12-31", "2027-01-01")
    ]
    assert [one["policy"]["version"] for one in answers] == ["2026.1", "2027.1"]
    before = silva.browser.get(f"/lookup.json?code=E0424&plan={PLAN}&on=2025-12-31").json
    assert before["policy"] is None


def test_the_json_has_the_keys_that_are_documented(silva):
    body = silva.browser.get(f"/lookup.json?code=E0424&plan={PLAN}&on=2026-03-01").json
    documented = (ROOT / "docs" / "lookup.md").read_text()
    assert all(f"`{key}`" in documented for key in body)
    assert (body["pa-needed"], body["covered"], body["doc-needed"]) == ("auth-needed", "covered", ["clinical"])
    assert body["form"]["canonical"].endswith("home-oxygen|2026.1")
    assert body["conditions"][3] == {"when": ["“group I” is yes"], "then": "certify for 12 months", "says": None}


def test_an_empty_page_says_what_to_do(silva):
    assert "appear here" in silva.browser.get("/lookup").text


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({"code": "<script>", "plan": PLAN}, "code"),
        ({"code": "E0424;DROP", "plan": PLAN}, "code"),
        ({"code": "E0424", "plan": "<script>"}, "plan"),
        ({"code": "E0424", "plan": PLAN, "on": "tomorrow"}, "on"),
        ({"code": "9" * 9000, "plan": PLAN}, "code"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_what_to_mend(silva, query, fault):
    page = silva.browser.get("/lookup", query_string=query)
    assert page.status_code == 400
    assert f'id="fault-{fault}"' in page.text
    assert "<script" not in page.text
    answer = silva.browser.get("/lookup.json", query_string=query)
    assert answer.status_code == 400
    assert list(answer.json["faults"]) == [fault]
    assert all(value not in json.dumps(answer.json["faults"]) for value in query.values())


def test_json_without_a_question_names_what_is_needed(silva):
    assert silva.browser.get("/lookup.json").json == {"faults": {"code": "name a code", "plan": "name a plan"}}


# who may


@pytest.mark.parametrize(
    "path",
    ["/policies", "/policies/lists", "/policies/home-oxygen/2026.1", "/lookup", "/policies/home-oxygen/2026.1/try"],
)
def test_policies_are_for_staff_unless_the_operator_opens_them(house, public, path):
    assert (house.web.get(path).status_code, house.web.get(path).location) == (302, "/login")
    page = public.get(path)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Worklist" not in page.text


def test_the_json_says_401_to_a_stranger_unless_it_is_open(house, public):
    query = f"/lookup.json?code=E0424&plan={PLAN}"
    assert house.web.get(query).status_code == 401
    assert public.get(query).json["pa-needed"] == "auth-needed"
    assert public.get("/worklist").status_code == 302


def test_a_stranger_may_try_a_case_where_policies_are_open(public):
    page = public.get("/policies/home-oxygen/2026.1/try").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    answer = public.post("/policies/home-oxygen/2026.1/try", data={"csrf_token": token, "fact-spo2": "88"})
    assert "holds:" in answer.text


# the case page


def test_the_case_page_shows_the_trace_of_the_decision(silva, house):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    page = text(silva.browser.get(f"/authorizations/{house.rows(tables.authorizations)[0]['id']}").text)
    assert "Row 6 holds: a person decides." in page
    assert "“group I” is missing, and the row asks for yes" in page
    assert "spo2 missing" in page


def test_a_decision_without_a_policys_trace_is_shown_without_one(silva, house):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    path = f"/authorizations/{house.rows(tables.authorizations)[0]['id']}"
    silva.decides(path, action="A3", reason="Not shown.")
    page = silva.browser.get(path)
    assert page.status_code == 200
    assert "Not shown." in page.text
