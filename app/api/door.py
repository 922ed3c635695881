"""What do all machine doors share? How a body comes in and goes out, and which generations there are."""

import re

from flask import Flask, Request, Response
from werkzeug.routing import BaseConverter, ValidationError

from app.current import the_request
from fhir_r4.generations import Generation
from fhir_r4.problems import NotAcceptable, TooLarge, UnsupportedMediaType
from fhir_r4.wire import read_object, write_json

FHIR_JSON = "application/fhir+json"
JSON = "application/json"
_ACCEPTED = (FHIR_JSON, JSON)
_ANSWERED = frozenset({*_ACCEPTED, "*/*", "application/*"})


class GenerationConverter(BaseConverter):
    """``<generation:generation>`` in a route; any other version is no route at all."""

    regex = r"\d+\.\d+"

    def to_python(self, value: str) -> Generation:
        try:
            return Generation(value)
        except ValueError:
            raise ValidationError from None


class IdConverter(BaseConverter):
    """``<id:…>`` in a route: what FHIR calls an id (R4, "id"), so that ``$submit`` is none."""

    regex = r"[A-Za-z0-9\-.]{1,64}"


def init_app(app: Flask) -> None:
    app.url_map.converters["generation"] = GenerationConverter
    app.url_map.converters["id"] = IdConverter
    app.before_request(_judge_what_is_wanted)


def read_body(limit: int) -> dict:
    """Return the JSON object of the request's body; raises as ``read_bytes`` does, and InvalidRequest."""
    return read_object(read_bytes(limit))


def read_bytes(limit: int) -> bytes:
    """Return the request's body as it came.

    Raises:
        UnsupportedMediaType: not JSON of FHIR R4 by its own word, or packed.
        TooLarge: more than ``limit`` bytes. Of a body that tells its length, Werkzeug says so itself; one that comes
            in chunks is read to one byte above the limit, where Werkzeug would end it as if it were whole.
    """
    asked = the_request()
    if asked.mimetype not in _ACCEPTED:
        raise UnsupportedMediaType("the body is application/fhir+json or application/json")
    if not _is_r4(asked.content_type or ""):
        raise UnsupportedMediaType("the body is FHIR 4.0")
    if asked.content_encoding not in {None, "", "identity"}:
        raise UnsupportedMediaType("the body is not compressed", headers={"Accept-Encoding": "identity"})
    asked.max_content_length = limit + 1
    body = asked.get_data(cache=False)
    if len(body) > limit:
        raise TooLarge("the body is too long")
    return body


def _judge_what_is_wanted() -> None:
    """Refuse who takes no JSON in return, at all doors that answer with nothing else."""
    asked = the_request()
    path = asked.path
    fixed = path.endswith(_WHATEVER_IS_ACCEPTED)
    if asked.url_rule and path.startswith(_ANSWER_JSON) and not fixed and not _takes_json(_wanted(asked)):
        raise NotAcceptable("answers are application/fhir+json")


_ANSWER_JSON = ("/fhir/", "/cds-services", "/back-end/")
_WHATEVER_IS_ACCEPTED = "/.well-known/smart-configuration"


def _wanted(asked: Request) -> str:
    """Return in which formats the answer may come; ``_format`` goes before Accept (FHIR R4, "HTTP")."""
    said = asked.args.get("_format", "").replace(" ", "+") if asked.query_string else ""  # an unescaped plus
    return JSON if said == "json" else said or asked.headers.get("Accept", "")


def _takes_json(accept: str) -> bool:
    """Tell whether what is wanted leaves room for JSON of FHIR R4; other parameters (charset, q) are no matter."""
    wanted = [part for part in accept.split(",") if part.strip()]
    return not wanted or any(_kind(part) in _ANSWERED and _is_r4(part) for part in wanted)


def _kind(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _is_r4(media_type: str) -> bool:
    """Tell whether a media type leaves room for FHIR R4 (R4, "The fhirVersion MIME-type parameter").

    >>> _is_r4("application/fhir+json; fhirVersion=4.0"), _is_r4("application/fhir+json; fhirVersion=5.0")
    (True, False)
    """
    said = _FHIR_VERSION.search(media_type)
    return said is None or said[1] in {"4.0", "4.0.1"}


_FHIR_VERSION = re.compile(r"fhirVersion\s*=\s*\"?([^\s\";]*)", re.IGNORECASE)


def fhir(body: dict | bytes, status: int = 200) -> Response:
    """Answer with FHIR JSON."""
    content = body if isinstance(body, bytes) else write_json(body)
    return Response(content, status, content_type=f"{FHIR_JSON}; charset=utf-8", headers=_PRIVATE)


def plain(body: dict, status: int = 200) -> Response:
    """Answer with JSON that is not FHIR."""
    return Response(write_json(body), status, content_type=JSON, headers=_PRIVATE)


_PRIVATE = {"Cache-Control": "no-store"}
