"""Queries: what the rows are, what is asked how often, and in which order they come."""

from decimal import Decimal

from cql.temporal import DateTime
from cql.types import Tuple
from tests.cql.given import a_library, a_list, a_run, literal, node, value_of


def alias(name):
    return {"type": "AliasRef", "name": name}


def source(name, elm):
    return {"alias": name, "expression": elm}


def query(*sources, **clauses):
    return {"type": "Query", "source": list(sources), **clauses}


def told(elm):
    """The value, with a message each time it is asked for."""
    return {"type": "Message", "source": elm, "condition": literal(True), "severity": literal("Trace")}


NULL = {"type": "Null"}


def test_a_query_over_null_is_null_and_over_nothing_is_nothing():
    """Null is not known, an empty list is known to be empty."""
    assert value_of(query(source("X", NULL))) is None
    assert value_of(query(source("X", a_list()))) == []


def test_a_query_over_one_value_is_one_value():
    """And null where the condition does not hold."""
    one = query(source("X", literal(5)), **{"return": {"expression": node("Add", alias("X"), 1)}})
    assert value_of(one) == 6
    assert value_of({**one, "where": node("Greater", alias("X"), 9)}) is None


def test_a_condition_that_is_null_does_not_hold():
    """Only true keeps a row."""
    elm = query(source("X", a_list(1, NULL, 3)), where=node("Greater", alias("X"), 1))
    assert value_of(elm) == [3]


def test_several_sources_make_tuples_of_their_aliases():
    """Every member with every member, the first source slowest."""
    rows = value_of(query(source("A", a_list(1, 2)), source("B", a_list("x", "y"))))
    assert rows == [Tuple(A=a, B=b) for a in (1, 2) for b in ("x", "y")]


def test_a_source_may_speak_of_an_earlier_one():
    """It is asked again for each of its rows."""
    inner = a_list(alias("A"), node("Multiply", alias("A"), 10))
    elm = query(source("A", a_list(1, 2)), source("B", inner), **{"return": {"expression": alias("B")}})
    assert value_of(elm) == [1, 10, 2, 20]


def with_told(such_that, kind="With"):
    relation = {"type": kind, "alias": "Y", "expression": told(a_list(2, 3)), "suchThat": such_that}
    return query(source("X", a_list(1, 2, 3, 4)), relationship=[relation])


def test_with_and_without_divide_the_rows():
    """By whether some member of the relationship fits."""
    same = node("Equal", alias("X"), alias("Y"))
    assert value_of(with_told(same)) == [2, 3]
    assert value_of(with_told(same, "Without")) == [1, 4]


def test_a_relationship_that_speaks_of_no_alias_is_asked_once():
    """However many rows there are."""
    run = a_run(a_library(defines={"It": with_told(node("Equal", alias("X"), alias("Y")))}))
    assert (run.value("Lib", "It"), len(run.messages)) == ([2, 3], 1)


def test_a_return_is_distinct_unless_it_says_all():
    """A query without a return keeps its rows as they are."""
    ones = source("X", a_list(1, 1, NULL, NULL))
    assert value_of(query(ones)) == [1, 1, None, None]
    assert value_of(query(ones, **{"return": {"expression": alias("X")}})) == [1, None]
    assert value_of(query(ones, **{"return": {"expression": alias("X"), "distinct": False}})) == [1, 1, None, None]


def test_an_aggregate_goes_through_the_rows():
    """From null where nothing is said to start from; lets are known to it."""
    clause = {"identifier": "R", "expression": node("Add", {"type": "QueryLetRef", "name": "R"}, alias("X"))}
    rows = source("X", a_list(1, 2, 2))
    assert value_of(query(rows, aggregate=clause)) is None
    assert value_of(query(rows, aggregate={**clause, "starting": literal(10)})) == 15
    assert value_of(query(rows, aggregate={**clause, "starting": literal(10), "distinct": True})) == 13


def sorted_by(elm, *items):
    return query(source("X", elm), sort={"by": list(items)})


def test_null_comes_first_ascending_and_last_descending():
    """CQL 1.5 Author's Guide, "Sorting"."""
    values = a_list(3, NULL, 1)
    assert value_of(sorted_by(values, {"type": "ByDirection", "direction": "asc"})) == [None, 1, 3]
    assert value_of(sorted_by(values, {"type": "ByDirection", "direction": "descending"})) == [3, 1, None]


def test_the_first_key_weighs_most_and_equals_keep_their_order():
    """By a column, then by an expression of the row."""

    def row(a, b):
        elements = [{"name": "a", "value": literal(a)}, {"name": "b", "value": literal(b)}]
        return {"type": "Tuple", "element": elements}

    rows = a_list(row(2, "x"), row(1, "y"), row(2, "w"), row(1, "y"))
    by_a = {"type": "ByColumn", "path": "a", "direction": "desc"}
    by_b = {"type": "ByExpression", "expression": {"type": "IdentifierRef", "name": "b"}, "direction": "asc"}
    found = value_of(sorted_by(rows, by_a, by_b))
    assert [(one["a"], one["b"]) for one in found] == [(2, "w"), (2, "x"), (1, "y"), (1, "y")]


def test_a_moment_known_in_part_is_sorted_by_the_first_that_it_may_be():
    """So that the order does not depend on the order that they came in."""

    def moment(*fields):
        return {"type": "DateTime", **dict(zip(("year", "month", "day"), map(literal, fields), strict=False))}

    values = a_list(moment(2026, 2, 10), moment(2026, 2), moment(2026, 1, 31))
    found = value_of(sorted_by(values, {"type": "ByDirection", "direction": "asc"}))
    assert found == [DateTime((2026, 1, 31)), DateTime((2026, 2)), DateTime((2026, 2, 10))]


def test_integers_and_decimals_sort_together():
    """As numbers, also where a list mixes them."""
    decimal = {"type": "ToDecimal", "operand": literal(2)}
    found = value_of(sorted_by(a_list(3, decimal, 1), {"type": "ByDirection", "direction": "asc"}))
    assert found == [1, Decimal(2), 3]
