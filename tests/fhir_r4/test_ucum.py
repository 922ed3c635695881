"""Units of measure: the table, the grammar, and what cannot be converted."""

import json
from decimal import Decimal
from time import process_time

import pytest

from fhir_r4.ucum import NotUcum, converted, product, unit
from tests.cql.translator.translate import FIXTURES

TOLD = json.loads((FIXTURES / "units.json").read_text())
BASES = ("m", "s", "g", "rad", "K", "C", "cd")
MOLE = 6.0221367e23  # UCUM's own; a mole is a base unit here
EXPLAINED = {
    "Bd": "the other library takes a baud for seconds and inverts on conversion; UCUM defines /s",
    "[diop]": "the same; UCUM defines /m",
    "[mesh_i]": "the same; UCUM defines /[in_i]",
    "[LPF]": "the other library leaves out UCUM's factor of 100",
}


@pytest.mark.parametrize("code", [code for code in TOLD if code not in EXPLAINED])
def test_a_unit_has_the_magnitude_and_dimension_that_another_library_gives(code):
    """Each unit of the table, and compositions as laboratories write them."""
    ours = unit(code)
    magnitude, exponents = TOLD[code]
    bases = dict(ours.bases)
    assert float(ours.factor) * MOLE ** bases.get("mol", 0) == pytest.approx(magnitude, rel=1e-6)
    assert [bases.get(base, 0) for base in BASES] == (exponents or [0] * 7)


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        ("98.6", "[degF]", "Cel", "37"),
        ("0", "Cel", "K", "273.15"),
        ("180", "[lb_av]", "kg", "81.6466266"),
        ("1", "wk", "d", "7"),
        ("90", "minutes", "h", "1.5"),
        ("1", "year", "months", "12"),
        ("5", "{tablet}", "1", "5"),
        ("88", "%", "1", "0.88"),
        ("2", "[iU]/mL", "[IU]/L", "2000"),
        ("1", "mm[Hg]", "kPa", "0.133322"),
        ("30", "dB", "B", "3"),
    ],
)
def test_a_conversion_is_exact(value, source, target, result):
    """Fractions inside, so that nothing is lost on the way."""
    assert converted(Decimal(value), source, target) == Decimal(result)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("kg", "m"),
        ("mol/L", "1/L"),
        ("[iU]", "mg"),
        ("[iU]", "[arb'U]"),
        ("year", "d"),
        ("month", "mo"),
        ("mg/dL", "mmol/L"),
    ],
)
def test_units_of_different_things_do_not_convert(source, target):
    """Null in CQL; mg/dL to mmol/L would need the substance, a calendar month the date."""
    assert converted(Decimal(1), source, target) is None


@pytest.mark.parametrize(
    "text",
    ["mgg", "mg/", "/", "(mg", "mg)", "mg..L", "kg kg", "m{", "1e3", "m^2", "µg", "m" * 300, "(" * 150 + "m", "m999"],
)
def test_what_is_no_unit_is_refused(text):
    """And named, so that the author finds it."""
    with pytest.raises(NotUcum):
        unit(text)


def test_units_spelt_alike_need_no_table():
    """A clinic's own unit equals itself."""
    assert converted(Decimal(3), "puffs", "puffs") == 3


@pytest.mark.parametrize(
    ("left", "right", "power", "result"),
    [
        ("cm", "cm", 1, "cm2"),
        ("mg", "dL", -1, "mg/dL"),
        ("mg/dL", "dL", 1, "mg"),
        ("1", "s", -1, "/s"),
        ("g", "g", -1, "1"),
    ],
)
def test_a_product_is_written_in_ucums_letters(left, right, power, result):
    """What cancels is gone."""
    assert product(left, right, power) == result


@pytest.mark.parametrize(
    ("value", "told"), [("1." + "1" * 1_000_000, True), ("1E+999999", False), ("1E-999999", False), ("Infinity", False)]
)
def test_a_number_without_end_is_told_in_another_unit_at_once_or_not_at_all(value, told):
    began = process_time()
    assert (converted(Decimal(value), "kPa", "mm[Hg]") is not None) is told
    assert process_time() - began < 1
