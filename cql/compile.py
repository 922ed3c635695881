"""Which function compiles which ELM node? The one table of the whole language, by family.

Source: ELM 1.5 schema, ``expression.xsd`` and ``clinicalexpression.xsd``.
"""

from collections.abc import Mapping

from cql import (
    aggregates,
    arithmetic,
    compare,
    conversions,
    dates,
    expand,
    extremes,
    interval,
    iteration,
    lists,
    logic,
    overloads,
    quantities,
    queries,
    references,
    retrieve,
    strings,
    structure,
    subsumption,
    terminology,
)
from cql.scope import Build

NODES: Mapping[str, Build] = {
    **structure.NODES,
    **references.NODES,
    **logic.NODES,
    **compare.NODES,
    **arithmetic.NODES,
    **extremes.NODES,
    **quantities.NODES,
    **strings.NODES,
    **dates.NODES,
    **interval.NODES,
    **expand.NODES,
    **lists.NODES,
    **overloads.NODES,
    **aggregates.NODES,
    **iteration.NODES,
    **queries.NODES,
    **conversions.NODES,
    **terminology.NODES,
    **subsumption.NODES,
    **retrieve.NODES,
}
