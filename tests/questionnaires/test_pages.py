"""A page that comes within a form is as harmless as a narrative, and leads no further than the form."""

import base64

import pytest

from questionnaires.pages import faults_of_pages
from tests.given import CATALOG

SUPPORT = "http://hl7.org/fhir/StructureDefinition/questionnaire-supportHyperlink"


def a_form(*pages, leads_to=("#help",)):
    links = [{"url": SUPPORT, "extension": [{"url": "link", "valueUri": one}]} for one in leads_to]
    return {"resourceType": "Questionnaire", "contained": list(pages), "item": [{"linkId": "1", "extension": links}]}


def a_page(content, media_type="application/xhtml+xml", name="help"):
    data = base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()
    return {"resourceType": "Binary", "id": name, "contentType": media_type, "data": data}


def div(inner):
    return a_page(f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>')


@pytest.mark.parametrize(
    "page",
    [
        div('<p>See <b>NCD</b> <a href="https://www.cms.gov">240.2</a> or <a href="#help">here</a>.</p>'),
        div('<img src="data:image/png;base64,AAAA" alt="a curve"/>'),
        a_page(b"%PDF-1.7 ...", "application/pdf"),
    ],
    ids=["words", "a picture", "a PDF"],
)
@pytest.mark.requirement("dtr-2.2.0@spec-160")
def test_a_pdf_and_a_page_of_words_are_taken(page):
    assert list(faults_of_pages(a_form(page))) == []


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (div("<script>alert(1)</script>"), "holds a <script>"),
        (div('<p onclick="x()">?</p>'), "acts by itself: onclick"),
        (div('<a href=" JavaScript:x()">?</a>'), "neither a web address"),
        (div('<a href="vbscript:x">?</a>'), "neither a web address"),
        (div('<img src="data:text/html;base64,AAAA"/>'), "neither a web address"),
        (div("<form><input/></form>"), "holds a <form>"),
        (div('<iframe src="https://x.example"/>'), "holds a <iframe>"),
        (div("<svg><a/></svg>"), "holds a <svg>"),
        (a_page('<!DOCTYPE html [<!ENTITY a "b">]><html><body/></html>'), "declares entities"),
        (a_page(""), "is empty"),
        (a_page("x", "text/html"), "is neither"),
        (a_page(b"MZ", "application/pdf"), "is not the PDF"),
        ({"resourceType": "Binary", "id": "help", "contentType": "application/pdf", "data": "%%%"}, "is not the PDF"),
        ({"resourceType": "Binary", "id": 5, "contentType": ["x"], "data": {}}, "is neither"),
    ],
)
@pytest.mark.requirement("dtr-2.2.0@spec-160")
def test_a_page_that_acts_is_refused_in_words_for_its_author(page, says):
    assert any(says in one for one in faults_of_pages(a_form(page)))


@pytest.mark.requirement("dtr-2.2.0@spec-165")
def test_a_page_leads_to_another_only_where_the_form_itself_leads_there():
    first, second = div('<a href="#more">more</a>'), a_page(b"%PDF-1.7", "application/pdf", "more")
    (fault,) = faults_of_pages(a_form(first, second))
    assert "links to '#more'" in fault
    assert list(faults_of_pages(a_form(first, second, leads_to=("#help", "#more")))) == []


@pytest.mark.requirement("dtr-2.2.0@spec-160", "dtr-2.2.0@spec-165")
def test_our_own_forms_carry_no_page_that_could_not_be_shown():
    """And a form that does stops the service at its start, or is not taken while it runs."""
    assert [fault for form in CATALOG for fault in faults_of_pages(form)] == []
