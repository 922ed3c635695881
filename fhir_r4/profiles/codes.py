"""Is a code one of those that may stand there?"""

from typing import Any

from fhir_r4.profiles.facts import Definitions
from fhir_r4.profiles.findings import Findings
from fhir_r4.profiles.slices import Entry, Slicer, coded


class Codes:
    """Codes against the code systems that they name and the value sets that elements are bound to."""

    def __init__(self, definitions: Definitions, slicer: Slicer, findings: Findings) -> None:
        self._systems = definitions.systems
        self._slicer = slicer
        self._findings = findings

    def coding(self, value: dict, path: str) -> None:
        """Check a Coding against the code system that it names, where that is complete at hand."""
        system, code = value.get("system"), value.get("code")
        if not isinstance(system, str) or not system:
            return
        if ":" not in system:
            self._findings.say("value", "an absolute URI", f"{path}.system")
        codes = self._systems.get(system)
        if codes is not None and isinstance(code, str) and code not in codes and code.lower() not in codes:
            self._findings.say("code-invalid", "a code of the code system that is named", f"{path}.code")

    def binding(self, entry: Entry, strength: str, codes: str) -> None:
        """Check a coded value against a value set: required ones are held to, extensible ones recommended."""
        found = coded(entry.value)
        if any(self._slicer.holds(codes, one) for one in found):
            return
        url = codes.partition("|")[0]
        if strength != "required":
            if found:
                self._findings.say("code-invalid", f"a code from {url}, if one fits", entry.path, severity="warning")
        elif found or not _says_why_not(entry.value):
            self._findings.say("code-invalid", f"a code from {url}", entry.path)


def _says_why_not(value: Any) -> bool:
    """Tell whether a value without a code has an extension in its place (data-absent-reason)."""
    return isinstance(value, dict) and "extension" in value and "text" not in value
