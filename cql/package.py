"""Which compiled library does a FHIR Library resource carry?

Source: FHIR R4, Library.content; DTR 2.0.1, "CQL": packages carry ELM as ``application/elm+json``.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal

from cql.errors import CqlError
from cql.library import Libraries, Library, checked
from fhir_r4.resource import dicts, text_of

ELM_JSON = "application/elm+json"


class Package:
    """The libraries of one package, found by canonical (``cqf-library``) or by the name that CQL gives them.

    ``without_elm`` are the canonicals of Library resources that carry no ELM, ``unreadable`` says of others why theirs
    cannot be read: the defines of both cannot be run here, and take no others with them.
    """

    def __init__(self, resources: Iterable[dict]) -> None:
        self.unreadable: dict[str, CqlError] = {}
        found = [(one, elm) for one in resources if one.get("resourceType") == "Library" for elm in self._read(one)]
        self.libraries = Libraries([elm for _, elm in found if elm is not None])
        self.without_elm = tuple(text_of(one.get("url")) or "" for one, elm in found if elm is None)
        self._names: dict[tuple[str, str | None], tuple[str, str | None]] = {}
        for one, elm in found:
            url = text_of(one.get("url"))
            if elm is None or url is None:
                continue
            identifier = elm.get("library", elm).get("identifier", {})
            name = identifier.get("id", ""), identifier.get("version")
            self._names[url, text_of(one.get("version"))] = name
            self._names[url, None] = name

    def _read(self, resource: dict) -> Iterator[dict | None]:
        """Yield the ELM, or None where there is none; nothing where it cannot be read."""
        try:
            elm = elm_of(resource)
            yield elm if elm is None else checked(elm)
        except CqlError as error:
            self.unreadable[text_of(resource.get("url")) or ""] = error

    def by_canonical(self, canonical: str) -> Library | None:
        """Return the library of ``url`` or ``url|version``; None where the package has it not."""
        url, _, version = canonical.partition("|")
        name = self._names.get((url, version or None))
        return self.libraries.get(*name) if name else None


def elm_of(resource: dict) -> dict | None:
    """Return the ELM that a Library resource carries, or None where it has only source or nothing.

    Raises:
        CqlError: it says that it has ELM, but what it has is not base64 of a JSON object.
    """
    for content in dicts(resource.get("content")):
        data = text_of(content.get("data"))
        if data and (text_of(content.get("contentType")) or "").partition(";")[0].strip() == ELM_JSON:
            try:
                return _object(base64.b64decode(data, validate=True))
            except (binascii.Error, ValueError, RecursionError):
                name = text_of(resource.get("url")) or "a Library"
                raise CqlError(f"the ELM of {name} cannot be read", "base64 of a JSON object") from None
    return None


def _object(text: bytes) -> dict:
    """Parse ELM: it nests deeper than FHIR may, two levels for each ``and`` of a chain."""
    found = json.loads(text, parse_float=Decimal)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 told as all else that cannot be read
    return found
