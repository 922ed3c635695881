"""How many of one unit is another? UCUM, by table and exact fractions.

Of the packages on offer one converts UCUM with Decimals; it builds its registry in 0.4 s after 0.3 s of imports,
holds 46 MB and reads every unit by way of another unit library's names. Two hundred units and a grammar of ten
rules are less. Arbitrary units such as ``[iU]`` are commensurable with themselves alone, as UCUM says; a mole is
a base unit here, so that ``mmol/L`` is never taken for a plain number.

Source: The Unified Code for Units of Measure, version 2.1, sections 2 to 4 (units © Regenstrief Institute).
"""

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

_BASE = {"m", "s", "g", "rad", "K", "C", "cd", "mol"}
_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3,
    "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip
_METRIC = {
    "osm": "1 mol", "eq": "1 mol", "sr": "1 rad2", "Hz": "1 s-1", "N": "1 kg.m/s2", "Pa": "1 N/m2", "J": "1 N.m",
    "W": "1 J/s", "A": "1 C/s", "V": "1 J/C", "F": "1 C/V", "Ohm": "1 V/A", "S": "1 Ohm-1", "Wb": "1 V.s",
    "T": "1 Wb/m2", "H": "1 Wb/A", "lm": "1 cd.sr", "lx": "1 lm/m2", "Bq": "1 s-1", "Gy": "1 J/kg", "Sv": "1 J/kg",
    "l": "1 dm3", "L": "1 l", "ar": "100 m2", "t": "1e3 kg", "bar": "1e5 Pa", "u": "1.6605402e-24 g",
    "eV": "1.60217733e-19 J", "pc": "3.085678e16 m", "[g]": "9.80665 m/s2", "gf": "1 g.[g]", "Ky": "1 cm-1",
    "Gal": "1 cm/s2", "dyn": "1 g.cm/s2", "erg": "1 dyn.cm", "P": "1 dyn.s/cm2", "St": "1 cm2/s", "G": "1e-4 T",
    "Ci": "37e9 Bq", "R": "2.58e-4 C/kg", "RAD": "100 erg/g", "REM": "1 RAD", "cal": "1 cal_th", "cal_th": "4.184 J",
    "cal_IT": "4.1868 J", "m[H2O]": "9.80665 kPa", "m[Hg]": "133.322 kPa", "kat": "1 mol/s", "U": "1 umol/min",
    "g%": "1 g/dl", "st": "1 m3", "mho": "1 S", "bit": "1 1", "By": "8 bit", "Bd": "1 s-1", "tex": "1 g/km",
}  # fmt: skip
_PLAIN = {
    "10*": "10 1", "10^": "10 1", "[pi]": "3.14159265358979323846264338327950288 1", "%": "1 10*-2",
    "[ppth]": "1 10*-3", "[ppm]": "1 10*-6", "[ppb]": "1 10*-9", "[pptr]": "1 10*-12",
    "deg": "2 [pi].rad/360", "gon": "0.9 deg", "'": "1 deg/60", "''": "1 '/60", "circ": "2 [pi].rad",
    "sph": "4 [pi].sr", "min": "60 s", "h": "60 min", "d": "24 h", "wk": "7 d", "a": "365.25 d", "a_j": "365.25 d",
    "a_t": "365.24219 d", "a_g": "365.2425 d", "mo": "1 a_j/12", "mo_j": "1 a_j/12", "mo_g": "1 a_g/12",
    "mo_s": "29.53059 d", "atm": "101325 Pa", "Torr": "133.322 Pa", "[psi]": "1 [lbf_av]/[in_i]2",
    "[in_i]": "2.54 cm", "[ft_i]": "12 [in_i]", "[yd_i]": "3 [ft_i]", "[mi_i]": "5280 [ft_i]", "[fth_i]": "6 [ft_i]",
    "[nmi_i]": "1852 m", "[kn_i]": "1 [nmi_i]/h", "[sin_i]": "1 [in_i]2", "[sft_i]": "1 [ft_i]2",
    "[syd_i]": "1 [yd_i]2", "[cin_i]": "1 [in_i]3", "[cft_i]": "1 [ft_i]3", "[cyd_i]": "1 [yd_i]3",
    "[mil_i]": "1e-3 [in_i]", "[hd_i]": "4 [in_i]",
    "[gal_us]": "231 [in_i]3", "[qt_us]": "1 [gal_us]/4", "[pt_us]": "1 [qt_us]/2", "[gil_us]": "1 [pt_us]/4",
    "[foz_us]": "1 [gil_us]/4", "[fdr_us]": "1 [foz_us]/8", "[min_us]": "1 [fdr_us]/60", "[cup_us]": "16 [tbs_us]",
    "[tbs_us]": "1 [foz_us]/2", "[tsp_us]": "1 [tbs_us]/3", "[foz_m]": "30 mL", "[cup_m]": "240 mL",
    "[tsp_m]": "5 mL", "[tbs_m]": "15 mL", "[gal_br]": "4.54609 l", "[qt_br]": "1 [gal_br]/4",
    "[pt_br]": "1 [qt_br]/2", "[foz_br]": "1 [pt_br]/20",
    "[gr]": "64.79891 mg", "[lb_av]": "7000 [gr]", "[oz_av]": "1 [lb_av]/16", "[dr_av]": "1 [oz_av]/16",
    "[ston_av]": "2000 [lb_av]", "[lton_av]": "2240 [lb_av]", "[stone_av]": "14 [lb_av]",
    "[lbf_av]": "1 [lb_av].[g]", "[oz_tr]": "480 [gr]", "[lb_tr]": "12 [oz_tr]", "[pwt_tr]": "24 [gr]",
    "[sc_ap]": "20 [gr]", "[dr_ap]": "3 [sc_ap]", "[oz_ap]": "8 [dr_ap]", "[lb_ap]": "12 [oz_ap]", "[oz_m]": "28 g",
    "[degR]": "5 K/9", "[Cal]": "1 kcal_th", "[Btu]": "1.05435 kJ", "[HP]": "550 [ft_i].[lbf_av]/s",
    "[in_i'H2O]": "1 m[H2O].[in_i]/m", "[in_i'Hg]": "1 m[Hg].[in_i]/m", "[PRU]": "1 mm[Hg].s/ml",
    "[wood'U]": "1 mm[Hg].min/L", "[diop]": "1 /m", "[MET]": "3.5 mL/min/kg", "[Ch]": "1 mm/3", "[drp]": "1 ml/20",
    "[S]": "1 10*-13.s", "[HPF]": "1 1", "[LPF]": "100 1", "[den]": "1 g/9/km", "Ao": "0.1 nm", "b": "100 fm2",
    "[car_m]": "0.2 g", "[car_Au]": "1 /24", "[mesh_i]": "1 /[in_i]", "AU": "149597.870691 Mm",
}  # fmt: skip
_ARBITRARY = {
    "[iU]", "[IU]", "[arb'U]", "[USP'U]", "[GPL'U]", "[MPL'U]", "[APL'U]", "[beth'U]", "[anti'Xa'U]", "[todd'U]",
    "[dye'U]", "[smgy'U]", "[bdsk'U]", "[ka'U]", "[knk'U]", "[mclg'U]", "[tb'U]", "[CCID_50]", "[TCID_50]",
    "[EID_50]", "[PFU]", "[FFU]", "[CFU]", "[IR]", "[BAU]", "[AU]", "[Amb'a'1'U]", "[PNU]", "[Lf]", "[D'ag'U]",
    "[FEU]", "[ELU]", "[EU]", "[hp_X]", "[hp_C]", "[hp_M]", "[hp_Q]", "[kp_X]", "[kp_C]", "[kp_M]", "[kp_Q]", "[pH]",
    "Np", "B",
}  # fmt: skip
_ALSO_METRIC = {"[iU]", "[IU]", "Cel", "B", "Np"}
_ZERO = {  # the Kelvin at which the scale begins, and the size of its degree
    "Cel": (Fraction("273.15"), Fraction(1)),
    "[degF]": (Fraction("459.67") * 5 / 9, Fraction(5, 9)),
    "[degRe]": (Fraction("273.15"), Fraction(5, 4)),
}
_CALENDAR = {  # CQL's words beside UCUM's: definite up to weeks; months and years are of the calendar (CQL 1.5, §5.6)
    "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}  # fmt: skip
_MONTHS = {"month": 1, "months": 1, "year": 12, "years": 12}  # commensurable with each other alone
_TOKEN = re.compile(
    r"(?P<annotation>\{[^{}]*\})|(?P<operator>[./()])|(?P<number>\d+(?![*^\d]))"
    r"|(?P<unit>(?:10[*^]|(?:\[[^\[\]]+\]|[^\s\d\[\]{}().+\-/])+))(?P<exponent>[+-]?\d+)?"
)
_MAX_LENGTH = 200
_DIGITS = Context(prec=100)


class NotUcum(ValueError):
    """The text is not a unit that this table knows."""


@dataclass(frozen=True, slots=True)
class Unit:
    """``factor`` of the base units ``bases``; ``zero`` is where a temperature scale begins."""

    factor: Fraction
    bases: tuple[tuple[str, int], ...]
    zero: Fraction = Fraction(0)

    def times(self, other: "Unit", power: int = 1) -> "Unit":
        bases = dict(self.bases)
        for base, exponent in other.bases:
            bases[base] = bases.get(base, 0) + exponent * power
        kept = tuple(sorted((base, exponent) for base, exponent in bases.items() if exponent))
        return Unit(self.factor * other.factor**power, kept)


_ONE = Unit(Fraction(1), ())


def known_units() -> frozenset[str]:
    """Return the units of the table that have a magnitude, without prefixes."""
    return frozenset({*_BASE, *_METRIC, *_PLAIN})


@lru_cache(maxsize=4096)
def unit(text: str) -> Unit:
    """Return what a UCUM expression (case sensitive) or one of CQL's definite duration words stands for.

    >>> unit("mg/dL").factor == unit("g/L").factor / 100
    True
    >>> unit("mg/dl/")
    Traceback (most recent call last):
    fhir_r4.ucum.NotUcum: 'mg/dl/' is not a UCUM unit
    """
    text = _CALENDAR.get(text.removesuffix("s") if len(text) > 3 else text, text)
    if text in _MONTHS:
        return Unit(Fraction(_MONTHS[text]), (("calendar month", 1),))
    if text in ("", "1"):
        return _ONE
    if text in _ZERO:
        zero, size = _ZERO[text]
        return Unit(size, (("K", 1),), zero)
    if len(text) > _MAX_LENGTH:
        raise NotUcum("a unit is longer than 200 characters")
    try:
        found, rest = _term(_tokens(text))
    except (KeyError, IndexError, ValueError, RecursionError):
        raise NotUcum(f"'{text}' is not a UCUM unit") from None
    if rest:
        raise NotUcum(f"'{text}' is not a UCUM unit")
    return found


def converted(value: Decimal, source: str, target: str) -> Decimal | None:
    """Return ``value`` of one unit in another, or None where the units measure different things.

    A number of more than a hundred digits is rounded, and one beyond ten to the hundredth is none that is measured: an
    exact fraction of 400,000 digits took eight seconds.

    Raises:
        NotUcum: a unit is not known and the two are not spelt alike.

    >>> converted(Decimal("98.6"), "[degF]", "Cel"), converted(Decimal(1), "kg", "m")
    (Decimal('37'), None)
    """
    if source == target:
        return value
    mine, yours = unit(source), unit(target)
    if mine.bases != yours.bases or not value.is_finite() or abs(value.adjusted()) > _DIGITS.prec:
        return None
    exact = (Fraction(_DIGITS.plus(value)) * mine.factor + mine.zero - yours.zero) / yours.factor
    return as_decimal(exact)


def as_decimal(exact: Fraction) -> Decimal:
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def product(left: str, right: str, power: int = 1) -> str:
    """Return the unit of a product (``power`` 1) or a quotient (-1), in UCUM's letters.

    >>> product("cm", "cm"), product("g", "g", -1), product("mg", "dL", -1)
    ('cm2', '1', 'mg/dL')
    """
    powers: dict[str, int] = {}
    for text, sign in ((left, 1), (right, power)):
        for part, exponent in _parts(text):
            powers[part] = powers.get(part, 0) + exponent * sign
    above = [f"{part}{exponent if exponent > 1 else ''}" for part, exponent in powers.items() if exponent > 0]
    below = [f"/{part}{-exponent if exponent < -1 else ''}" for part, exponent in powers.items() if exponent < 0]
    return ".".join(above) + "".join(below) or "1"


def _parts(text: str) -> list[tuple[str, int]]:
    """Split ``mg/dL`` into its factors; what is not a plain product or quotient stays whole."""
    if text in ("", "1"):
        return []
    if re.search(r"[(){}]|\d+[./]|[./]\d", text):
        return [(text, 1)]
    parts, sign = [], 1
    for token in _tokens(text):
        if token["operator"]:
            sign = -1 if token["operator"] == "/" else 1
        else:
            parts.append((token["unit"], sign * int(token["exponent"] or 1)))
    return parts


def _tokens(text: str) -> list[re.Match[str]]:
    tokens = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found:
            raise NotUcum(f"'{text}' is not a UCUM unit")
        tokens.append(found)
        position = found.end()
    return tokens


def _term(tokens: list[re.Match[str]]) -> tuple[Unit, list[re.Match[str]]]:
    """term: ('/' component | component) (('.' | '/') component)*"""
    total, power = _ONE, 1
    if tokens[0]["operator"] == "/":
        power, tokens = -1, tokens[1:]
    while True:
        factor, tokens = _component(tokens)
        total = total.times(factor, power)
        if not tokens or tokens[0]["operator"] not in (".", "/"):
            return total, tokens
        power, tokens = (1 if tokens[0]["operator"] == "." else -1), tokens[1:]


def _component(tokens: list[re.Match[str]]) -> tuple[Unit, list[re.Match[str]]]:
    first, rest = tokens[0], tokens[1:]
    if first["operator"] == "(":
        found, rest = _term(rest)
        if rest[0]["operator"] != ")":
            raise KeyError
        return found, rest[1:]
    if first["annotation"]:
        return _ONE, rest
    if first["number"]:
        found = Unit(Fraction(first["number"]), ())
    elif first["unit"]:
        found = _ONE.times(_atom(first["unit"]), _exponent(first["exponent"]))
    else:
        raise KeyError
    return found, rest[1:] if rest and rest[0]["annotation"] else rest


def _exponent(text: str | None) -> int:
    power = int(text or 1)
    if abs(power) > 100:
        raise KeyError(text)
    return power


@lru_cache(maxsize=4096)
def _atom(name: str) -> Unit:
    """Return one unit, with or without a metric prefix; KeyError where there is none."""
    whole = _without_prefix(name)
    if whole:
        return whole
    for prefix, power in _PREFIXES.items():
        rest = name.removeprefix(prefix)
        if rest != name and (rest in _BASE or rest in _METRIC or rest in _ALSO_METRIC):
            found = _without_prefix(rest) or Unit(Fraction(1), (("K", 1),))
            return Unit(found.factor * Fraction(10) ** power, found.bases)
    raise KeyError(name)


def _without_prefix(name: str) -> Unit | None:
    if name in _BASE:
        return Unit(Fraction(1), ((name, 1),))
    if name in _ARBITRARY:
        return Unit(Fraction(1), (("[iU]" if name == "[IU]" else name, 1),))
    definition = _METRIC.get(name) or _PLAIN.get(name)
    if definition is None:
        return Unit(_ZERO[name][1], (("K", 1),)) if name in _ZERO else None
    number, _, expression = definition.partition(" ")
    inner = unit(expression)
    return Unit(Fraction(number) * inner.factor, inner.bases)
