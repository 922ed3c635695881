"""What arrives by ``$submit-attachment``, for which request, and is it what it says that it is?

Each attachment is judged by its first bytes: what lies about its type, its size or its hash is refused with the element
named, and nothing of the call is kept. What cannot be shown safely (HTML, programs) is not taken.

Source: CDex 2.x, OperationDefinition submit-attachment; PAS 2.0.1 and 2.2.1, "Requests for additional information".
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fhir_r4.bundle import local_part
from fhir_r4.narrative import acting
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import (
    Identifier,
    as_dict,
    as_list,
    codings,
    dicts,
    extensions,
    identifier,
    kind,
    reference,
    text_of,
    value_of,
    whole_number_of,
)
from fhir_r4.systems import ITEM_TRACE_NUMBER
from prior_auth.authorization import Authorization
from prior_auth.requested_item import Form
from prior_auth.submission import Submission
from questionnaires.answers import responses_in

MOST = 100
"""Attachments of one call."""
_TEXT = frozenset({"text/plain", "text/xml", "application/xml", "application/hl7-v3+xml", "text/csv"} |
                  {"application/json", "application/fhir+json", "text/rtf", "application/rtf"})  # fmt: skip
_MAGIC: Mapping[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF-",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/tiff": (b"II*\x00", b"MM\x00*"),
}
_STARTS: Mapping[str, tuple[bytes, ...]] = {
    "text/xml": (b"<",),
    "application/xml": (b"<",),
    "application/hl7-v3+xml": (b"<",),
    "application/json": (b"{", b"["),
    "application/fhir+json": (b"{", b"["),
    "text/rtf": (b"{\\rtf",),
    "application/rtf": (b"{\\rtf",),
}


@dataclass(frozen=True, slots=True)
class Document:
    """One file of an attachment, decoded. ``code`` is the LOINC code under which it was asked for, if it says."""

    code: str | None
    media_type: str
    content: bytes
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One call of ``$submit-attachment``.

    Attributes:
        tracking: the number of a request of ours, or one by which the submitter knows its Claim.
        reference: the administration reference number of the case, where the call says it.
        payer: who is meant, where the call says so.
        resources: the contents as they came.
        final: nothing more is to come for this number.
    """

    tracking: Identifier
    member_id: str
    reference: str | None
    payer: Identifier | None
    resources: tuple[dict, ...]
    documents: tuple[Document, ...]
    final: bool

    def answers(self, one: Authorization) -> bool:
        """Tell whether it names this authorization by any number that it has, or by one of its items."""
        value = self.tracking.value
        traces = (identifier(held.get("valueIdentifier"))
                  for item in one.items for held in extensions(item.asked, ITEM_TRACE_NUMBER))  # fmt: skip
        if self.reference is not None and self.reference == one.reference:
            return True
        own = {one.id, one.reference, one.number, *(ask.tracking for ask in one.asks)}
        return value in own or self.tracking in {*one.claim_identifiers, *traces}


def read_arrival(body: dict, *, strict: bool = False) -> Arrival:
    """Read the operation's Parameters.

    Args:
        strict: parameters are those of the operation, as often and of the types that it says, and no others; else
            what is not known is no matter, and a number may come as a string.

    Raises:
        InvalidRequest: with every fault, each naming its element.
    """
    if kind(body) != "Parameters":
        raise InvalidRequest(Issue("structure", "the body must be a Parameters resource", "Parameters"))
    given = [(f"Parameters.parameter[{index}]", one) for index, one in enumerate(dicts(body.get("parameter")))]
    attached = [(path, one) for path, one in given if one.get("name") == "Attachment"]
    faults: list[Issue] = [*_faults(given, attached), *(_departures(given) if strict else ())]
    documents: list[Document] = []
    for path, one in attached[:MOST]:
        documents += _documents(one, path, faults)
    tracking, member = _identifier(given, "TrackingId"), _identifier(given, "MemberId")
    if faults or tracking is None or member is None:
        raise InvalidRequest(*faults)
    return Arrival(
        tracking=tracking,
        member_id=member.value,
        reference=named.value if (named := _identifier(given, "AdminRefNumber")) else None,
        payer=_identifier(given, "PayerId"),
        resources=tuple(_content(one)[1] for _, one in attached),
        documents=tuple(documents),
        final=any(one.get("name") == "Final" and one.get("valueBoolean") is True for _, one in given),
    )


def forms_in(resources: Iterable[dict], submission: Submission) -> Iterator[Form]:
    """Yield the QuestionnaireResponses about the patient of the request; they belong to all its items."""
    known = {submission.patient.full_url, local_part(submission.patient.full_url)} - {None}
    for response in responses_in(list(resources)):
        subject = reference(response.get("subject"))
        if subject and (subject in known or local_part(subject) in known):
            yield Form(0, response)


_RESOURCE = "application/fhir+json; "


def holds_a_resource(kept: Iterable[Mapping[str, object]]) -> bool:
    """Tell whether among the documents of a call, as they are kept, is anything but files."""
    return any(str(one["type"]).startswith(_RESOURCE) for one in kept)


def _faults(given: list[tuple[str, dict]], attached: list[tuple[str, dict]]) -> Iterator[Issue]:
    for name in ("TrackingId", "MemberId"):
        if _identifier(given, name) is None:
            yield Issue("required", f"there must be one parameter {name} with an Identifier", "Parameters.parameter")
    said = [value_of(one) for _, one in given if one.get("name") == "AttachTo"]
    if not said or any(one != "preauthorization" for one in said):
        yield Issue("not-supported", "AttachTo must be preauthorization", "Parameters.parameter")
    if not attached:
        yield Issue("required", "there must be at least one Attachment", "Parameters.parameter")
    if len(attached) > MOST:
        yield Issue("too-costly", f"there may be no more than {MOST} attachments", "Parameters.parameter")


_IDENTIFIER, _PARTS = ("valueIdentifier",), ("part",)
_PARAMETERS: Mapping[str, tuple[str, ...]] = {  # of the operation, and where each has its value
    "TrackingId": _IDENTIFIER,
    "AdminRefNumber": (*_IDENTIFIER, "valueString"),
    "AttachTo": ("valueCode",),
    "PayerId": _IDENTIFIER,
    "OrganizationId": _IDENTIFIER,
    "ProviderId": _IDENTIFIER,
    "MemberId": _IDENTIFIER,
    "ServiceDate": ("valueDate", "valueDateTime"),
    "Attachment": _PARTS,
    "Final": ("valueBoolean",),
}
_OF_ATTACHMENT: Mapping[str, tuple[str, ...]] = {
    "LineItem": ("valueString",),
    "Code": ("valueCodeableConcept",),
    "Content": ("resource",),
}
_REPEATED = frozenset({"Attachment", "LineItem"})


def _departures(given: Iterable[tuple[str, dict]]) -> Iterator[Issue]:
    """Say where parameters are not those of the operation."""
    given = list(given)
    yield from _unlike(given, _PARAMETERS)
    for path, one in given:
        if one.get("name") == "Attachment":
            parts = enumerate(dicts(one.get("part")))
            yield from _unlike([(f"{path}.part[{index}]", part) for index, part in parts], _OF_ATTACHMENT)


def _unlike(given: Iterable[tuple[str, dict]], known: Mapping[str, tuple[str, ...]]) -> Iterator[Issue]:
    seen: set[str] = set()
    for path, one in given:
        name = text_of(one.get("name")) or ""
        if name not in known:
            yield Issue("not-supported", "the operation has no such parameter", f"{path}.name")
        elif not any(held in one for held in known[name]):
            yield Issue("structure", f"{name} must have its value in {' or '.join(known[name])}", path)
        elif name in seen - _REPEATED:
            yield Issue("structure", f"there may be one {name} only", path)
        seen.add(name)


def _identifier(given: list[tuple[str, dict]], name: str) -> Identifier | None:
    found = [value_of(one) for _, one in given if one.get("name") == name]
    if len(found) != 1:
        return None
    return Identifier("", found[0]) if isinstance(found[0], str) and found[0].strip() else identifier(found[0])


def _documents(attachment: dict, path: str, faults: list[Issue]) -> list[Document]:
    """Return the files of one Attachment, and add what is wrong with them."""
    parts = list(enumerate(dicts(attachment.get("part"))))
    code = next((one.code for _, part in parts if part.get("name") == "Code"
                 for one in codings(part.get("valueCodeableConcept"))), None)  # fmt: skip
    lines = tuple(line for _, part in parts if part.get("name") == "LineItem"
                  if (line := whole_number_of(str(value_of(part)))) is not None)  # fmt: skip
    index, content = _content(attachment)
    where = f"{path}.part[{index}].resource"
    if not kind(content):
        faults.append(Issue("required", "a part Content with a resource is missing", path))
        return []
    said = "a narrative is formatted text, without scripts, forms and the like"
    faults.extend(Issue("invalid", said, path) for path in acting(content, where))
    found = []
    for file, element in _files(content, where):
        read = _read(file, element, faults)
        if read is not None:
            found.append(Document(code, *read, lines))
    if kind(content) not in {"DocumentReference", "Binary"}:
        found.append(Document(code, f"{_RESOURCE}{kind(content)}", b"", lines))
    return found


def _content(attachment: dict) -> tuple[int, dict]:
    parts = dicts(attachment.get("part"))
    found = ((index, as_dict(one.get("resource"))) for index, one in enumerate(parts) if one.get("name") == "Content")
    return next(found, (0, {}))


def _files(content: dict, where: str) -> Iterator[tuple[dict, str]]:
    """Yield the attachments of a DocumentReference, or the Binary itself, with their paths."""
    if kind(content) == "Binary":
        yield content, where
    for index, one in enumerate(as_list(content.get("content")) if kind(content) == "DocumentReference" else []):
        yield as_dict(as_dict(one).get("attachment")), f"{where}.content[{index}].attachment"


def _read(file: dict, where: str, faults: list[Issue]) -> tuple[str, bytes] | None:
    """Return type and bytes of a file that is what it says; add what it is not."""
    data, said = text_of(file.get("data")), (text_of(file.get("contentType")) or "").partition(";")[0].strip().lower()
    if data is None:
        faults.append(Issue("required", "the content must be here, in data; nothing is fetched", f"{where}.data"))
        return None
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        faults.append(Issue("value", "this must be base64", f"{where}.data"))
        return None
    before = len(faults)
    faults.extend(_lies(file, said, content, where))
    return (said, content) if len(faults) == before else None


def _lies(file: dict, said: str, content: bytes, where: str) -> Iterator[Issue]:
    if said not in _MAGIC and said not in _TEXT:
        yield Issue("not-supported", "files of this type are not taken here", f"{where}.contentType")
    elif not content:
        yield Issue("value", "the file is empty", f"{where}.data")
    elif not _is(said, content):
        yield Issue("value", "the content is not of the type that it is said to be", f"{where}.contentType")
    if file.get("size") is not None and file["size"] != len(content):
        yield Issue("value", "the content is not of the size that it is said to be", f"{where}.size")
    digest = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    if file.get("hash") is not None and file["hash"] != digest:
        yield Issue("value", "the content does not have the hash that it is said to have", f"{where}.hash")


def _is(said: str, content: bytes) -> bool:
    if said in _MAGIC:
        return content.startswith(_MAGIC[said])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    if any(ord(one) < 32 and one not in "\t\n\r\f" for one in text):
        return False
    return said not in _STARTS or text.lstrip().encode().startswith(_STARTS[said])
