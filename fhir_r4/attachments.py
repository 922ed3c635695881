"""Are the data of an attachment what it says they are?

Only the first bytes are looked at, of types whose first bytes are fixed. Who opens an attachment decides by what it
is, never by what it says.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from fhir_r4.resource import as_dict, dicts, kind, text_of

_BEGINS: Mapping[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF-",),
    "image/gif": (b"GIF8",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/tiff": (b"II*\x00", b"MM\x00*"),
    "application/zip": (b"PK\x03\x04", b"PK\x05\x06"),
}
_ENOUGH = 32  # characters of base64


def disguised(resource: dict, path: str) -> Iterator[str]:
    """Yield the FHIRPath of each attachment of a DocumentReference, or of a Binary, that lies about its type.

    >>> program = {"resourceType": "Binary", "contentType": "application/pdf", "data": "TVqQAAMAAAAEAAAA"}
    >>> list(disguised(program, "Binary"))
    ['Binary.contentType']
    """
    match kind(resource):
        case "Binary" if _lies(resource):
            yield f"{path}.contentType"
        case "DocumentReference":
            for index, content in enumerate(dicts(resource.get("content"))):
                if _lies(as_dict(content.get("attachment"))):
                    yield f"{path}.content[{index}].attachment.contentType"


def _lies(attachment: Mapping[str, Any]) -> bool:
    said, data = text_of(attachment.get("contentType")) or "", text_of(attachment.get("data"))
    expected = _BEGINS.get(said.partition(";")[0].strip().lower())
    return data is not None and expected is not None and not _first_bytes(data).startswith(expected)


def _first_bytes(data: str) -> bytes:
    try:
        return b64decode("".join(data[: 2 * _ENOUGH].split())[:_ENOUGH])
    except ValueError:
        return b""
