"""Is a narrative what FHIR lets it be: formatted text, and nothing that acts?

Narratives are echoed, kept and shown by whoever reads the answer, so that what acts in one is refused at the door.

Source: FHIR R4, "Narrative", txt-1: basic formatting, no scripts, forms, frames, external styles or event attributes.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from fhir_r4.resource import as_dict, dicts, text_of

_ACTS = frozenset(
    {"applet", "audio", "base", "body", "button", "embed", "form", "frame", "frameset", "head", "iframe", "input"}
    | {"link", "math", "meta", "object", "script", "select", "style", "svg", "template", "textarea", "video"}
)
_LINKS = frozenset({"href", "src", "cite", "background", "action", "formaction"})
_SAFE = ("http:", "https:", "mailto:", "tel:", "data:image/")


def acting(resource: dict, path: str) -> Iterator[str]:
    """Yield the paths of narratives of a resource, and of what it contains, that hold more than formatted text."""
    held = [(resource, path)]
    held += [(one, f"{path}.contained[{index}]") for index, one in enumerate(dicts(resource.get("contained")))]
    for one, where in held:
        div = text_of(as_dict(one.get("text")).get("div"))
        if div and _acts(div):
            yield f"{where}.text.div"


def _acts(div: str) -> bool:
    """Tell whether XHTML holds an element or attribute that does something.

    >>> _acts("<div><b>bold</b> <a href='#x'>x</a></div>"), _acts("<div><img src='x' onerror='y'/></div>")
    (False, True)
    """
    reader = _Reader()
    reader.feed(div)
    reader.close()
    return reader.acts


class _Reader(HTMLParser):
    """Looks at each element that begins."""

    acts = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.acts = self.acts or tag in _ACTS or any(_does(name, value) for name, value in attrs)

    def handle_pi(self, data: str) -> None:  # noqa: ARG002 whatever it says
        self.acts = True

    def handle_decl(self, decl: str) -> None:  # noqa: ARG002 as above
        self.acts = True


def _does(name: str, value: Any) -> bool:
    target = "".join((value or "").split()).lower()
    leads = name.rpartition(":")[2] in _LINKS and ":" in target.partition("/")[0] and not target.startswith(_SAFE)
    return name.startswith("on") or leads or (name == "style" and ("expression(" in target or "script:" in target))
