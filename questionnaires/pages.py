"""Which pages may a form carry within it? PDFs, and XHTML in which nothing acts.

A link in a form's texts may lead to a Binary that the form contains. Whoever shows it trusts that it is as harmless as
a narrative, and that it leads no further than the form itself does.

Source: DTR 2.2.0 spec-160 and spec-165; FHIR R4 "Narrative" (what its XHTML may hold).
"""

import base64
import binascii
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from fhir_r4.resource import dicts, kind, text_of

PDF, XHTML = "application/pdf", "application/xhtml+xml"
_NARRATIVE = """
    html head title body a abbr acronym address b bdo big blockquote br caption center cite code col colgroup dd del dfn
    dir div dl dt em font h1 h2 h3 h4 h5 h6 hr i img ins kbd li map area menu ol p pre q s samp small span strike strong
    sub sup table tbody td tfoot th thead tr tt u ul var
"""
_ELEMENTS = frozenset(_NARRATIVE.split())
_LINKS = frozenset({"href", "src", "longdesc", "cite", "usemap"})
_SCHEMES = ("https:", "http:", "mailto:", "#", "data:image/")


def faults_of_pages(form: dict) -> Iterator[str]:
    """Yield what is wrong with the Binary resources that a form contains, in words for its author."""
    told = _targets({name: value for name, value in form.items() if name != "contained"})
    for one in dicts(form.get("contained")):
        if kind(one) == "Binary":
            name = f"contained Binary '{text_of(one.get('id')) or ''}'"
            yield from (f"{name} {fault}" for fault in _faults(one, told))


def _faults(binary: dict, told: frozenset[str]) -> Iterator[str]:
    try:
        data = base64.b64decode(text_of(binary.get("data")) or "", validate=True)
    except binascii.Error:
        data = b""
    media_type = text_of(binary.get("contentType"))
    if media_type == PDF:
        if not data.startswith(b"%PDF-"):
            yield "is not the PDF that it says it is"
    elif media_type == XHTML:
        page = _Page()
        page.feed(data.decode(errors="replace"))
        yield from dict.fromkeys(page.faults)
        yield from (f"links to '{one}', which nothing else of the form does" for one in sorted(page.inner - told))
        if not page.seen:
            yield "is empty"
    else:
        yield f"is neither {PDF} nor {XHTML}"


class _Page(HTMLParser):
    """Reads a page once, noting what it may not hold and to what of the form it links."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.inner: frozenset[str] = frozenset()
        self.seen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen = True
        if tag not in _ELEMENTS:
            self.faults.append(f"holds a <{tag}>, which no narrative may")
        for name, value in attrs:
            if name.startswith("on"):
                self.faults.append(f"acts by itself: {name}")
            if name in _LINKS and value:
                self._link(value.strip())

    def handle_decl(self, decl: str) -> None:
        if "[" in decl:
            self.faults.append("declares entities of its own")

    def _link(self, value: str) -> None:
        if not value.lower().startswith(_SCHEMES):
            self.faults.append("links to what is neither a web address nor a part of the form")
        if value.startswith("#"):
            self.inner |= {value}


def _targets(node: Any) -> frozenset[str]:
    """Return every ``#id`` that an element names: as its value, or as a link in a text's mark-up."""
    if isinstance(node, dict):
        return frozenset().union(*map(_targets, node.values())) if node else frozenset()
    if isinstance(node, list):
        return frozenset().union(*map(_targets, node)) if node else frozenset()
    if not isinstance(node, str):
        return frozenset()
    page = _Page()
    page.feed(node if "<" in node else "")
    return page.inner | (frozenset({node}) if node.startswith("#") else frozenset())
