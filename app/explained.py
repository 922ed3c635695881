"""Why was a stored decision made? Its trace, with the words of the very version that made it."""

from typing import Any

from app.wiring import Service
from rules.explain import Explanation, explain
from rules.trace import Trace


def explained(service: Service, trace: dict[str, Any]) -> Explanation | None:
    """Return the explanation of a decision's trace; None where no policy decided, or its version is not at hand."""
    kept = Trace.from_json(trace)
    policy = service.book.version(kept.policy, kept.version) if kept else None
    if kept is None or policy is None:
        return None
    try:
        return explain(policy, kept)
    except ValueError:  # kept by another build of a version that was not published yet
        return None
