"""Does this body keep to its profile? The door of this package: ``Profiles.check``."""

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from decimal import Decimal
from functools import cache
from importlib import resources
from threading import Lock
from typing import Any

import orjson
from jsonschema_rs import Draft202012Validator, RegexOptions

from fhir_r4.problems import Issue
from fhir_r4.profiles.deviations import Deviations
from fhir_r4.profiles.facts import Definitions, Profile
from fhir_r4.profiles.findings import MAX_VALUES, TooMuchError
from fhir_r4.profiles.schema import Schemas
from fhir_r4.profiles.slices import Slicer
from fhir_r4.profiles.stated import Stated
from fhir_r4.profiles.targets import Wanted
from fhir_r4.profiles.walk import Measure, Tools, Walk
from fhir_r4.profiles.watches import Watches
from fhir_r4.resource import dicts, kind

FILES = ("nodes.jsonl", "codes.jsonl", "index.json")
_CORE = "http://hl7.org/fhir/StructureDefinition"
_PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"
_CRD = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition"
_DTR = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition"
_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"

OPERATIONS: Mapping[str, tuple[str, str]] = {  # operation -> profile of what comes in, of what goes out
    "Claim/$submit": (f"{_PAS}/profile-pas-request-bundle", f"{_PAS}/profile-pas-response-bundle"),
    "Claim/$inquire": (f"{_PAS}/profile-pas-inquiry-request-bundle", f"{_PAS}/profile-pas-inquiry-response-bundle"),
    "Questionnaire/$questionnaire-package": (
        f"{_DTR}/dtr-qpackage-input-parameters",
        f"{_DTR}/dtr-qpackage-output-parameters",
    ),
    "Questionnaire/$next-question": (  # in and out: bare, or in Parameters; what is adaptive says so itself
        f"{_DTR}/dtr-questionnaireresponse",
        f"{_DTR}/dtr-questionnaireresponse",
    ),
    "Questionnaire/$log-questionnaire-errors": (  # what is answered is an OperationOutcome
        f"{_DTR}/dtr-log-errors-input-parameters",
        f"{_CORE}/OperationOutcome",
    ),
    "Subscription": (f"{_BACKPORT}/backport-subscription", f"{_BACKPORT}/backport-subscription"),
    "notification": (
        f"{_BACKPORT}/backport-subscription-notification-r4",
        f"{_BACKPORT}/backport-subscription-notification-r4",
    ),
}


class Profiles:
    """The profiles of one generation of the guides.

    Args:
        texts: compiled facts by file name (``Facts.written``).
        generation: the name under which bare canonicals were resolved: "2.0" or "2.2" for what is committed.
        strict: names of deviations to switch off.
    """

    def __init__(self, texts: Mapping[str, bytes], generation: str, *, strict: Iterable[str] = ()) -> None:
        deviations = Deviations(strict)
        self.definitions = Definitions(texts, generation, deviations.codes)
        slicer = Slicer(self.definitions)
        stated = Stated(self.definitions, deviations)
        self._schemas = Schemas(self.definitions, slicer, stated, deviations.displaced)
        self._measures: dict[str, Measure] = {}
        self._building = Lock()
        wanted = Wanted(self.definitions)
        self._tools = Tools(
            definitions=self.definitions,
            slicer=slicer,
            deviations=deviations,
            measure=self._measure,
            watches=Watches(self.definitions, slicer, stated, wanted),
            wanted=wanted,
        )

    def under(self, generation: str) -> "Profiles":
        """Return the profiles of another generation, which share with these all that is known of each profile.

        Whatever a definition names, it names with its version; so schemas and watches are the same in both.
        """
        other = copy(self)
        other.definitions = self.definitions.under(generation)
        other._tools = replace(self._tools, definitions=other.definitions)  # noqa: SLF001 our own
        return other

    def prepare(self, canonicals: Iterable[str]) -> None:
        """Compile the schemas of ``canonicals`` now, so that no request waits for it."""
        found = (self.definitions.profile(canonical) for canonical in canonicals)
        with _nothing_collected():
            self._compile(
                one for one in found if one is not None and (one.kind == "resource" or one.type == "Extension")
            )

    def _measure(self, profile: Profile) -> Measure:
        found = self._measures.get(profile.key)
        if found is None:
            self._compile([profile])
            found = self._measures[profile.key]
        return found

    def _compile(self, profiles: Iterable[Profile]) -> None:
        """Compile what is not compiled yet, one thread at a time, into one schema."""
        with self._building:
            new = {profile.key: profile for profile in profiles if profile.key not in self._measures}
            if not new:
                return
            together = self._schemas.together(new.values())
            schema = Draft202012Validator(together, mask="a value", pattern_options=RegexOptions())
            watches = self._tools.watches
            for key, profile in new.items():
                implied = self.definitions.implied(profile)
                self._measures[key] = Measure(schema, key, watches.of(profile), watches.again.of(profile), implied)

    def reach(self) -> list[str]:
        """Return the canonicals of what the operations' bodies hold, so that these can be prepared."""
        wanted = {canonical for pair in OPERATIONS.values() for canonical in pair}
        prefixes = (_PAS, f"{_CRD}/profile-")
        return sorted(
            canonical
            for canonical in self.definitions.canonicals
            if canonical in wanted or (canonical.startswith(prefixes) and "-base" not in canonical)
        )

    def schema(self, canonical: str) -> dict:
        """Return the JSON Schema of a profile: what it accepts needs no closer look; see ``schema``."""
        profile = self.definitions.profile(canonical)
        if profile is None:
            raise LookupError(f"no such profile is compiled: {canonical}")
        with self._building:
            return dict(self._schemas.of(profile))

    def keeps_to_schema(self, resource: dict, profile: Profile) -> bool:
        """Tell whether a resource needs no closer look at its structure, values, slices and codes."""
        return self._measure(profile).accepts(resource)

    def check(
        self,
        body: Any,
        profile: str | None = None,
        *,
        references: str = "closed",
        claimed: bool = True,
        most: int = MAX_VALUES,
        closely: bool = False,
    ) -> list[Issue]:
        """Return what is wrong with a resource or Bundle; nothing where it keeps to its profiles.

        Args:
            body: FHIR JSON, as a parser gives it: numbers may be Decimal, and no object or list stands in two places.
            profile: canonical of the profile that the operation asks for. The profiles that the body claims in
                ``meta.profile`` are checked as claimed as well; with neither, its bare type.
            references: "closed" where everything that is referred to by a profiled reference must have been sent
                along (a PAS Bundle); "open" where references may point out of the body (an order in a hook).
            claimed: hold the body, and what it holds, to the profiles in ``meta.profile`` as well; without it, and
                without ``profile``, a body is held to FHIR R4 and the definitions of its extensions alone.
            closely: walk through what keeps to its schema as well; the answer is the same.
            most: how many values are looked at before the body is called too much.

        Raises:
            LookupError: ``profile`` is not among the compiled ones.
        """
        known = self.definitions.profile(profile) if profile else None
        if profile and known is None:
            raise LookupError(f"no such profile is compiled: {profile}")
        path = kind(body) or "Resource"
        if not isinstance(body, dict):
            return [Issue("structure", "expected a JSON object", path)]
        if known is not None and known.type not in ("Resource", path):
            return [Issue("invalid", f"expected a {known.type}", path)]
        if not _is_bounded(body):
            return [_TOO_MUCH]
        walk = Walk(self._tools, closed=references == "closed", claimed=claimed, closely=closely, most=most)
        try:
            walk.resource(body, [known] if known else [], path, walk.map.enter(body, path))
            return _worst_first(walk.findings.here.issues)
        except (TooMuchError, RecursionError):
            return [_TOO_MUCH]
        finally:
            walk.end()

    def check_operation(
        self, body: Any, operation: str, *, answer: bool = False, references: str = "closed", most: int = MAX_VALUES
    ) -> list[Issue]:
        """Return what is wrong with the body of an operation (see ``OPERATIONS``) or, with ``answer``, its reply.

        A Bundle may come wrapped in Parameters: the answer to an inquiry in PAS 2.2.1 does, a request may. An
        operation that the guides of this generation give no profile for is checked by what its body claims.
        """
        canonical = OPERATIONS[operation][answer]
        known = self.definitions.profile(canonical)
        if known is None:
            return self.check(body, references=references, most=most)
        if kind(body) != "Parameters" or known.type == "Parameters":
            return self.check(body, canonical, references=references, most=most)
        found = self.check(body, references=references, most=most)
        for place, parameter in enumerate(dicts(body.get("parameter"))):
            if "resource" in parameter:
                at = f"Parameters.parameter[{place}].resource"
                inside = self.check(parameter["resource"], canonical, references=references, most=most)
                found += [_moved(issue, at) for issue in inside]
        return _worst_first(found)


def _moved(issue: Issue, path: str) -> Issue:
    """Return an issue of a resource inside another one with its path from there."""
    below = (issue.expression or "").partition(".")
    return replace(issue, expression=f"{path}{below[1]}{below[2]}")


_TOO_MUCH = Issue("too-costly", "expected a body that can be checked with bounded effort")


def _is_bounded(body: dict) -> bool:
    """Tell whether a body can be written as JSON: it is not too deep and has no circles.

    Everything else here descends by recursion, compiled code included; the writer counts its levels, in microseconds.
    """
    try:
        orjson.dumps(body, default=Decimal.__str__)
    except TypeError:
        return False
    return True


def _worst_first(issues: list[Issue]) -> list[Issue]:
    """Return each issue once, errors before warnings; of two that differ in severity only, the error."""
    worst: dict[Issue, Issue] = {}
    for issue in sorted(issues, key=lambda i: i.severity != "error"):
        worst.setdefault(replace(issue, severity=""), issue)
    return list(worst.values())


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the garbage collector from searching, again and again, through what is being built to stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def committed_texts() -> dict[str, bytes]:
    """Return the facts that come with this package."""
    folder = resources.files("fhir_r4.profiles") / "compiled"
    return {name: (folder / name).read_bytes() for name in FILES}


@cache
def _all_committed() -> Profiles:
    return Profiles(committed_texts(), "2.2")


@cache
def _committed(generation: str) -> Profiles:
    return _all_committed().under(generation)


def committed(generation: str) -> Profiles:
    """Return the profiles that come with this package: "2.0" or "2.2"."""
    return _committed(str(generation))  # the text itself: a member of an enumeration would be kept a second time


def check(body: Any, profile: str | None = None, *, generation: str = "2.2", references: str = "closed") -> list[Issue]:
    """Return what is wrong with a resource or Bundle; see ``Profiles.check``."""
    return committed(generation).check(body, profile, references=references)
