"""What of a form's marked-up words is shown? Formatted text on lines: elements that only format, without attributes.

The words are another maker's: whatever could act, load or lead elsewhere is left out, and its text stays.

Source: extension rendering-xhtml; DTR 2.0.1 @16, DTR 2.2.0 conf-6 (must-support on item.text and answerOption.value).
"""

from html import escape
from html.parser import HTMLParser

from fhir_r4.resource import extension, text_of
from fhir_r4.systems import RENDERING_XHTML

_FORMATS = frozenset(["b", "big", "br", "code", "em", "i", "s", "small", "span", "strong", "sub", "sup", "u"])
_LINES = frozenset(["p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd"])
_UNSEEN = frozenset({"script", "style", "head", "title", "template", "object", "iframe", "svg", "math"})
BREAK = "<br>"


def marked(element: dict) -> str:
    """Return the mark-up of an element's words as HTML that is safe to put on a page; "" where there is none."""
    told = text_of(extension(element, RENDERING_XHTML).get("valueString"))
    return formatted(told) if told else ""


def formatted(xhtml: str) -> str:
    """Return XHTML with what formats, and nothing else.

    >>> formatted("<div onclick='x()'>At <b style='x'>rest</b><script>x()</script> &lt; 89 <a href='x'>%</a></div>")
    'At <b>rest</b> &lt; 89 %'
    """
    reader = _Reader()
    reader.feed(xhtml)
    reader.close()
    said = "".join([*reader.said, *(f"</{tag}>" for tag in reversed(reader.open))])
    while said.endswith(BREAK):
        said = said.removesuffix(BREAK)
    return said


class _Reader(HTMLParser):
    """Writes again what it reads, as far as it only formats."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.open: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 none is kept
        self._unseen += tag in _UNSEEN
        if not self._unseen and tag in _FORMATS:
            self.said.append(f"<{tag}>")
            self.open += [] if tag == "br" else [tag]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= bool(self._unseen) and tag in _UNSEEN
        if self._unseen:
            return
        if tag in self.open:
            while (last := self.open.pop()) != tag:
                self.said.append(f"</{last}>")
            self.said.append(f"</{tag}>")
        self.said += [BREAK] if tag in _LINES else []

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.said.append(escape(data))
