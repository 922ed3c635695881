"""What is the text of FHIRHelpers that the translator reads? Our own, written from the model info's conversions.

The translator calls these functions by name wherever FHIR meets CQL; the engine runs its native ones instead, and
the oracle runs these.
"""

from xml.etree import ElementTree as ET

from tests.cql.translator.translate import MODELS

_IN = "{urn:hl7-org:elm-modelinfo:r1}"
_HEAD = """library FHIRHelpers version '4.0.1'
using FHIR version '4.0.1'
context Patient

define function ToInterval(period FHIR.Period):
  if period is null then null
  else if period."start" is null then Interval(period."start".value, period."end".value]
  else Interval[period."start".value, period."end".value]
define function ToInterval(range FHIR.Range):
  if range is null then null else Interval[ToQuantity(range.low), ToQuantity(range.high)]
define function ToCalendarUnit(unit System.String):
  case unit when 'ms' then 'millisecond' when 's' then 'second' when 'min' then 'minute' when 'h' then 'hour'
    when 'd' then 'day' when 'wk' then 'week' when 'mo' then 'month' when 'a' then 'year' else unit end
define function ToQuantity(quantity FHIR.Quantity):
  if quantity is null or quantity.value is null then null
  else if quantity.comparator is not null then
    Message(null as System.Quantity, true, 'comparator', 'Error', 'a comparator is not supported')
  else System.Quantity {
    value: quantity.value.value,
    unit: ToCalendarUnit(Coalesce(quantity.code.value, quantity.unit.value, '1')) }
define function ToRatio(ratio FHIR.Ratio):
  if ratio is null then null
  else System.Ratio { numerator: ToQuantity(ratio.numerator), denominator: ToQuantity(ratio.denominator) }
define function ToCode(coding FHIR.Coding):
  if coding is null then null
  else System.Code {
    code: coding.code.value, system: coding.system.value, version: coding.version.value, display: coding.display.value }
define function ToConcept(concept FHIR.CodeableConcept):
  if concept is null then null
  else System.Concept { codes: concept.coding C return ToCode(C), display: concept.text.value }
"""
_WRITTEN_OUT = {"ToInterval", "ToQuantity", "ToRatio", "ToCode", "ToConcept"}


def fhir_helpers() -> str:
    root = ET.parse(MODELS / "fhir-modelinfo-4.0.1.xml").getroot()  # noqa: S314 a published file
    lines = {
        f'define function {name}(value FHIR."{type_}"): value.value'
        for info in root.iter(f"{_IN}conversionInfo")
        if (name := info.get("functionName", "").removeprefix("FHIRHelpers.")) not in _WRITTEN_OUT
        and (type_ := info.get("fromType", "").removeprefix("FHIR."))
    }
    return _HEAD + "\n".join(sorted(lines)) + "\n"
