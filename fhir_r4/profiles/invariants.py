"""Which published invariant does which rule stand for?

Keys are not unique across packages (``us-core-1`` is four rules), so a rule also states how its published
expression begins wherever that is needed to tell it from others of the same key. What no rule stands for is listed
in docs/validation.md with its reason.
"""

import re
from collections.abc import Iterable, Iterator

from fhir_r4.profiles import rules_of_fhir, rules_of_guides, rules_of_us_core
from fhir_r4.profiles.rules import Rule

RULES: tuple[Rule, ...] = (*rules_of_fhir.RULES, *rules_of_guides.RULES, *rules_of_us_core.RULES)
BY_NAME: dict[str, Rule] = {rule.name: rule for rule in RULES}
OF_FHIR = frozenset(rule.name for rule in rules_of_fhir.RULES)
_BY_KEY: dict[str, list[Rule]] = {}
for _rule in RULES:
    _BY_KEY.setdefault(_rule.key, []).append(_rule)

OMITTED: tuple[tuple[str, str], ...] = (  # how the key is written, and why it is left out; the first that fits
    (r"dom-[2345]|ele-1|ext-1|ref-1", "the walk's own, for every element"),
    (r"dom-6|dom-r4b", "a narrative is good practice only, and none of our messages needs one"),
    (r"txt-\d", "a narrative is stored and never shown"),
    (r"\w+-0|cnl-\d|sdc-3|que-14|con-3|us-core-[45]", "advice (a warning) on how to name or to code"),
    (r"ImmediateLevelOfCare", "never fires as published: it asks for the code of a CodeableConcept"),
    (r"cds-.*|crd-resp.*|crdver-1|ord-1", "of the hooks' logical models; the CDS Hooks door checks them"),
    (r"ppc-\d", "compares with the system 'something': never fires"),
    (r"sdc-t1|ctm-1|sdc-adapt-1", "asks for the target of a reference or canonical, which is seldom sent along"),
    (r"sdc-lcext-1|sdc-inv1|dtrq-6|sdcqr-3|que-1a", "of authoring forms; the forms we serve are checked when loaded"),
    (r"us-core-1", "asks for membership in a value set that VSAC holds"),
)
IN_PROSE: dict[str, tuple[str, ...]] = {  # a published invariant -> what FHIR asks of its element in words beside it
    "bdl-8": ("fullUrl",),
}
ELSEWHERE = "of a resource that no operation of ours carries"


def rules_of(names: Iterable[str]) -> Iterator[Rule]:
    """Return the rules that the invariants of an element stand for, with those that FHIR states in prose there."""
    for name in names:
        for one in (name, *IN_PROSE.get(name, ())):
            if one in BY_NAME:
                yield BY_NAME[one]


def name_of(key: str, expression: str) -> str | None:
    """Return the name of the rule that stands for a published invariant; None where none does.

    >>> name_of("per-1", "start.hasValue().not() or end.hasValue().not() or (start <= end)")
    'per-1'
    """
    flat = " ".join(expression.split())
    return next((rule.name for rule in _BY_KEY.get(key, ()) if flat.startswith(rule.start)), None)


def why_omitted(key: str) -> str:
    """Say why no rule stands for the invariant ``key``.

    >>> why_omitted("txt-1")
    'a narrative is stored and never shown'
    """
    return next((why for pattern, why in OMITTED if re.fullmatch(pattern, key)), ELSEWHERE)
