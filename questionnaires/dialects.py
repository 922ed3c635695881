"""How is a form written for each generation of the guide? One form is kept; the border writes it twice.

::

                          DTR 2.0.1                                DTR 2.2.0
    cqf-library           url (it holds the version)               url|version
    language of a define  text/cql                                 text/cql-identifier
    ELM beside it         US Public Health's alternative           DTR's alternativeExpression
                          expression extension
    a link for help       questionnaire-supportLink                questionnaire-supportHyperlink, with a label
    terminology server    SDC's extension                          the core's
    who answered          auto                                     auto-client, auto-server

Source: DTR 2.0.1 @97, @98, @313; DTR 2.2.0 oper-16, spec-86, spec-96, spec-97.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cql.identifier import read_identifier
from cql.package import ELM_JSON
from fhir_r4.generations import Generation
from fhir_r4.resource import extension, extensions, text_of, value_of
from fhir_r4.systems import (
    ALTERNATIVE_EXPRESSION,
    CQF_LIBRARY,
    SDC_TERMINOLOGY_SERVER,
    SUPPORT_HYPERLINK,
    SUPPORT_LINK,
    TERMINOLOGY_SERVER,
    US_PH_ALTERNATIVE_EXPRESSION,
)

BY_NAME = "text/cql-identifier"
PAYER_ORIGIN = {Generation.V2_0: "auto", Generation.V2_2: "auto-server"}
CLIENT_ORIGIN = {Generation.V2_0: "auto", Generation.V2_2: "auto-client"}
_LANGUAGE = {Generation.V2_0: "text/cql", Generation.V2_2: BY_NAME}
_ALTERNATIVE = {Generation.V2_0: US_PH_ALTERNATIVE_EXPRESSION, Generation.V2_2: ALTERNATIVE_EXPRESSION}


def written(form: dict, generation: Generation) -> dict:
    """Return the form as a generation has it."""
    told: dict = _told(form, generation)
    if generation is Generation.V2_0:
        for one in extensions(told, CQF_LIBRARY):
            one["valueCanonical"] = one["valueCanonical"].partition("|")[0]
    return told


def _told(node: Any, generation: Generation) -> Any:
    """Return a copy whose expressions and extensions are in the generation's words."""
    if isinstance(node, list):
        return [_told(one, generation) for one in node]
    if not isinstance(node, dict):
        return node
    copied = {key: _told(value, generation) for key, value in node.items()}
    if node.get("language") == BY_NAME:
        return copied | {"language": _LANGUAGE[generation], "extension": [_compiled(node, generation)]}
    spelt = _SPELT[generation].get(text_of(node.get("url")) or "")
    return spelt(copied) if spelt else copied


def _support_link(hyperlink: dict) -> dict:
    return {"url": SUPPORT_LINK, "valueUri": value_of(extension(hyperlink, "link"))}


_SPELT: Mapping[Generation, Mapping[str, Callable[[dict], dict]]] = {
    Generation.V2_0: {
        SUPPORT_HYPERLINK: _support_link,
        TERMINOLOGY_SERVER: lambda held: held | {"url": SDC_TERMINOLOGY_SERVER},
    },
    Generation.V2_2: {},
}


def _compiled(expression: dict, generation: Generation) -> dict:
    """Return the ELM of a define's name: a reference to it."""
    named = read_identifier(text_of(expression.get("expression")) or "")
    elm = {"type": "ExpressionRef", "libraryName": named.library, "name": named.define} if named else {}
    value = {"language": ELM_JSON, "expression": json.dumps(elm, separators=(",", ":"))}
    return {"url": _ALTERNATIVE[generation], "valueExpression": value}
