"""What came with a form and stays for as long as it is open: its logic, and what was read of the record for it.

Source: DTR 2.0.1 @177, DTR 2.2.0 spec-35, spec-162: libraries and value sets are retained in the session, results of
searches stay at hand for the next questions.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Kit:
    """The tools of one form.

    Attributes:
        form: the Questionnaire as the payer sent it; of an adaptive one without its questions.
        logic: Libraries, ValueSets and CodeSystems of its package.
        variables: launch context and results of searches by name, each a resource or a searchset Bundle.
    """

    form: dict
    logic: list[dict] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Kit":
        return cls(**data)
