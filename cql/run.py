"""What happens when a define is asked for its value?

A :class:`Run` is one evaluation over one record at one moment. Each define is computed once and kept. A define that
fails is a :class:`cql.errors.Failure`, also for those that use it, and takes no others with it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cql.errors import CqlError, Exhausted, Failure, Place
from cql.library import Define, Function, Libraries, Parameter
from cql.retrieve import Record, Source
from cql.temporal import DAY, Date, from_datetime
from cql.terminology import PackageTerminology, Terminology


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a Run may cost. The stopwatch only stops it; no value depends on it."""

    steps: int = 1_000_000
    """Rows of queries, calls of functions and resources that are filtered, for each define that is asked for."""
    depth: int = 60
    """Functions that wait for each other."""
    items: int = 100_000
    """Pieces of one expanded interval."""
    seconds: float = 5.0
    """Wall time of the whole Run, from its first look at the stopwatch."""


@dataclass(frozen=True, slots=True)
class Message:
    """What the logic told by CQL's Message operator. ``text`` may quote the record (PHI): it is not for logs."""

    code: str | None
    severity: str
    text: str | None


DEFAULT_LIMITS = Limits()
_STEPS_BETWEEN_LOOKS = 512


class Run:
    """One evaluation: libraries over a record at a moment.

    Args:
        libraries: compiled once and shared between Runs.
        now: the evaluation timestamp, with its zone; the zone also holds for dates that have none.
        record: one patient's resources.
        terminology: the value sets of the package.
        parameters: by name, or by ``(library, name)`` where one name is used in several libraries.
        limits: how much the whole Run may cost.

    Raises:
        ValueError: ``now`` has no zone.
    """

    def __init__(
        self,
        libraries: Libraries,
        *,
        now: datetime,
        record: Source | None = None,
        terminology: Terminology | None = None,
        parameters: Mapping[Any, Any] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.libraries = libraries
        self.moment = now
        self.now = from_datetime(now)
        self.today = Date(self.now.fields[:DAY])
        self.offset = self.now.offset
        self.record: Source = record if record is not None else Record(())
        self.terminology: Terminology = terminology if terminology is not None else PackageTerminology()
        self.parameters = dict(parameters or {})
        self.limits = limits
        self.messages: list[Message] = []
        self._values: dict[Define, Any] = {}
        self._steps = 0
        self._look_at = min(_STEPS_BETWEEN_LOOKS, limits.steps)
        self._depth = 0
        self._began: float | None = None

    # What callers ask -------------------------------------------------------------------------------------------

    def value(self, library: str, define: str, version: str | None = None) -> Any:
        """Return the define's CQL value, or a Failure. An unknown library or define is a Failure too."""
        try:
            home = self.libraries.get(library, version)
        except KeyError:
            missing = CqlError(f"the library {library} is not there", "a library of the package")
            return self._failure(library, define, missing)
        self._steps, self._look_at = 0, min(_STEPS_BETWEEN_LOOKS, self.limits.steps)
        try:
            return self.value_of(home.define({"name": define}))
        except CqlError as error:
            return self._failure(library, define, self._located(library, define, version, error))

    def values(self, library: str, version: str | None = None) -> dict[str, Any]:
        """Return every define of a library with its value or its Failure."""
        return {name: self.value(library, name, version) for name in self.libraries.get(library, version).defines}

    def _failure(self, library: str, define: str, error: CqlError) -> Failure:
        return Failure(library, define, error.message, error.expected, error.place or Place(library, define))

    def _located(self, library: str, define: str, version: str | None, error: CqlError) -> CqlError:
        """Run a failed define once more where each node knows its place; the value cannot become another."""
        if isinstance(error, Exhausted) or (error.place and error.place.locator):
            return error
        if not any(one.has_locators for one in self.libraries):
            return error
        located = self.libraries.located()
        again = Run(
            located, now=self.moment, record=self.record, terminology=self.terminology,
            parameters=self.parameters, limits=self.limits,
        )  # fmt: skip
        try:
            again.value_of(located.get(library, version).define({"name": define}))
        except CqlError as told:
            return told
        return error

    # What thunks ask --------------------------------------------------------------------------------------------

    def value_of(self, define: Define) -> Any:
        """Return a define's value, computed once; its error again where it failed."""
        value = self._values.get(define, _NEW)
        if value is _NEW:
            value = self._values[define] = self._computed(define)
        if type(value) is _Failed:
            raise value.error.with_traceback(None)
        if value is _BUSY:
            raise CqlError(f"the define '{define.name}' uses itself", "defines without a circle")
        return value

    def _computed(self, define: Define) -> Any:
        self._values[define] = _BUSY
        try:
            return self._run(define, [])
        except Exhausted:  # its own steps may suffice when it is asked for by itself
            del self._values[define]
            raise
        except CqlError as error:
            return _Failed(error)

    def call(self, function: Function, arguments: list[Any]) -> Any:
        self.tick()
        if self._depth >= self.limits.depth:
            raise Exhausted(f"the function '{function.name}' calls too deep", f"at most {self.limits.depth} calls")
        self._depth += 1
        try:
            return self._run(function, arguments)
        finally:
            self._depth -= 1

    def _run(self, subject: Define | Function, arguments: list[Any]) -> Any:
        """Run a body in a frame of its own. Ill-typed ELM meets Python's own errors, which are told as CQL's."""
        try:
            if subject.error is not None:
                raise subject.error.with_traceback(None)
            return subject.body([self, *arguments, *[None] * (subject.size - 1 - len(arguments))])
        except CqlError as error:
            self._place(error, subject)
            raise
        except RecursionError:
            found: CqlError = Exhausted("the logic calls itself too deep", f"at most {self.limits.depth} calls")
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            found = CqlError("an operator met a value of a kind that it does not take", "operands as ELM types them")
        self._place(found, subject)
        raise found

    def _place(self, error: CqlError, subject: Define | Function) -> None:
        if error.place is None:
            error.place = Place(subject.library, subject.name)
        elif not error.place.define:
            error.place = Place(error.place.library, subject.name, error.place.locator)

    def value_of_parameter(self, parameter: Parameter) -> Any:
        if parameter.error is not None:
            raise parameter.error.with_traceback(None)
        for key in ((parameter.library, parameter.name), parameter.name):
            if key in self.parameters:
                value = self.parameters[key]
                if value is not None and not parameter.fits(value):
                    raise CqlError(f"the parameter '{parameter.name}' has another type", "a value of its type")
                return value
        return self.value_of(parameter.default) if parameter.default else None

    def tell(self, code: str | None, severity: str, text: str | None) -> None:
        self.messages.append(Message(code, severity, text))

    def tick(self) -> None:
        """Count a step; Exhausted beyond the limits."""
        self._steps += 1
        if self._steps >= self._look_at:
            self._look()

    def _look(self) -> None:
        self._look_at = min(self._steps + _STEPS_BETWEEN_LOOKS, self.limits.steps)
        if self._steps >= self.limits.steps:
            raise Exhausted("the logic takes too many steps", f"at most {self.limits.steps}")
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        if now - self._began > self.limits.seconds:
            raise Exhausted("the logic takes too long", f"at most {self.limits.seconds} seconds")


@dataclass(frozen=True, slots=True)
class _Failed:
    """What is kept of a define that failed, so that it fails alike for all who use it."""

    error: CqlError


_NEW, _BUSY = object(), object()
