"""What may a client switch? One option for each type of card that we return, and how many cards at most.

The codes are the guide's card types; a client sends them in ``davinci-crd.configuration`` (CRD 2.0.1 and 2.2.1,
"Configuration Options").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Configuration = Mapping[str, bool | int]


@dataclass(frozen=True, slots=True)
class Option:
    """A switch that a client may send."""

    code: str
    type: str
    name: str
    description: str
    default: bool | int

    def to_json(self) -> dict:
        return {
            "code": self.code,
            "type": self.type,
            "name": self.name,
            "description": self.description,
            "default": self.default,
        }


def _shown(code: str, name: str, description: str) -> Option:
    return Option(code, "boolean", name, description, True)


COVERAGE_INFO = _shown(
    "coverage-info",
    "Coverage information",
    "Annotate what is ordered or booked with coverage, prior authorization and documentation needs",
)
UNSOLICITED = _shown(
    "unsolicited-determ",
    "Unsolicited determination",
    "Issue an authorization number where the plan's policy allows that at once; false for a what-if",
)
GUIDELINE = _shown("guideline", "Guidelines", "Show cards that lead to the policy, or propose the orders it asks for")
OPTIONAL_ALTERNATIVES = _shown(
    "therapy-alternatives-opt", "Optional alternatives", "Propose services that the plan covers better"
)
REQUIRED_ALTERNATIVES = _shown(
    "therapy-alternatives-req", "Required alternatives", "Propose services that the plan asks to be tried first"
)
NETWORK = _shown("network", "Network", "Say when the performer is outside of the plan's network")
INSURANCE = _shown("insurance", "Insurance", "Say when the coverage ends soon, or the plan knows it otherwise")
CLAIM = _shown("claim", "Forms", "Ask for forms by a task, where the client has no DTR")
APPS = _shown("appropriate-use", "Apps", "Show links to SMART apps that the policy names")
ADVICE = (
    GUIDELINE,
    _shown("off-guideline", "Off guideline", "Say when an order departs from what the policy rests on"),
    _shown("clinical-reminder", "Reminders", "Show what the policy asks to be thought of"),
    _shown("duplicate-therapy", "Duplicates", "Say when the policy sees the same therapy twice"),
    _shown("contraindication", "Contraindications", "Say when the policy sees a reason against the order"),
    _shown("limits", "Limits", "Say what the plan covers at most"),
    _shown("cost", "Costs", "Show what the policy says of costs"),
    APPS,
)
"""What policies say in their own words, at every hook."""
MAX_CARDS = Option("max-cards", "integer", "Number of cards", "How many cards to return at most", 10)


def read_configuration(sent: Mapping[str, object], options: Iterable[Option]) -> dict[str, bool | int]:
    """Obey the options we offer; ignore unknown ones and unusable values (CRD 2.2.1 dev-14, dev-17).

    No combination is refused: determinations without coverage information, or a negative number of cards, mean
    nothing (dev-6). The caller learns what was not usable from ``unusable``.
    """
    chosen: dict[str, bool | int] = {}
    for option in options:
        value = sent.get(option.code)
        usable = isinstance(value, bool | int) and type(value) is type(option.default)
        chosen[option.code] = value if usable and isinstance(value, bool | int) else option.default
    chosen["max-cards"] = max(0, int(chosen["max-cards"]))
    return chosen


def unusable(sent: Mapping[str, object], options: Iterable[Option]) -> tuple[str, ...]:
    """Return the codes of ours that came with a value that means nothing, alone or beside another.

    Source: CRD 2.0.1, "Configuration Options": check, and log what allows to talk to the client about it.
    """
    ours = {option.code: option for option in options}
    found = [code for code in ours if code in sent and type(sent[code]) is not type(ours[code].default)]
    most = sent.get("max-cards")
    if type(most) is int and most < 0:
        found.append("max-cards")
    if sent.get("coverage-info") is False and sent.get("unsolicited-determ") is True:
        found.append("unsolicited-determ")
    return tuple(found)
