"""Which forms does a client get? Those it names, those its orders need, those that a promise spoke of; each once.

A form is chosen by the day of service that the order tells, not by today: an order for July is documented by the form
of July (decisions.md §4).

Source: DTR 2.0.1 and 2.2.0, operation questionnaire-package.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from fhir_r4.days import days_told, first_day
from fhir_r4.order_codes import concepts
from fhir_r4.problems import Issue
from fhir_r4.resource import codings, dicts, kind, local_reference, reference
from questionnaires.catalog import Catalog, canonical_of, in_force
from questionnaires.package_request import PackageRequest
from rules.assertion import CoverageAssertion
from rules.book import PolicyBook
from rules.directory import Payer
from rules.policy import Policy
from rules.scope import Enrolment


@dataclass(frozen=True, slots=True)
class Insured:
    """One of the request's coverages that is of a member of ours."""

    coverage: dict
    payer: Payer
    member_id: str
    under: Enrolment
    birth_date: date | None = None


@dataclass(slots=True)
class Chosen:
    """A form, and for which of the client's coverages and orders it is to be completed."""

    form: dict
    coverages: list[dict] = field(default_factory=list)
    orders: list[dict] = field(default_factory=list)

    def concerns(self, coverage: dict, orders: Iterable[dict]) -> None:
        self.coverages += [] if coverage in self.coverages else [coverage]
        self.orders += [one for one in orders if one not in self.orders]


def select(
    request: PackageRequest,
    insured: Sequence[Insured],
    promises: Iterable[CoverageAssertion],
    book: PolicyBook,
    catalog: Catalog,
    today: date,
) -> tuple[list[Chosen], list[Issue]]:
    """Return the forms, and what the client is to know: what is not here, not understood, expired or not needed."""
    return _Selection(request, insured, book, catalog, today).of(promises)


class _Selection:
    def __init__(
        self, request: PackageRequest, insured: Sequence[Insured], book: PolicyBook, catalog: Catalog, today: date
    ) -> None:
        self.request, self.insured = request, insured
        self.book, self.catalog, self.today = book, catalog, today
        self.found: dict[str, Chosen] = {}
        self.issues: list[Issue] = []

    def of(self, promises: Iterable[CoverageAssertion]) -> tuple[list[Chosen], list[Issue]]:
        promises = tuple(promises)
        for promise in promises:
            self._promised(promise)
        for index, order in enumerate(self.request.orders):
            self._ordered(index, order)
        for index, canonical in enumerate(self.request.questionnaires):
            self._named(index, canonical)
        if not self.found and not self.issues:
            self.issues.append(self._nothing(promises))
        return list(self.found.values()), self.issues

    def _take(self, form: dict, insured: Iterable[Insured], orders: Sequence[dict]) -> None:
        chosen = self.found.setdefault(canonical_of(form), Chosen(form))
        for one in insured:
            chosen.concerns(one.coverage, orders)

    def _promised(self, promise: CoverageAssertion) -> None:
        """A promise pins the policy's version, and with it the form: also one that is no longer in force."""
        pinned = self.book.version(promise.policy or "", promise.version or "")
        if pinned and (name := pinned.at_order_time.questionnaire):
            orders = [one for one in self.request.orders if local_reference(one) == promise.order]
            insured = [one for one in self.insured if one.member_id == promise.member_id]
            self._take(self.catalog.named(name), insured, orders or list(self.request.orders))

    def _ordered(self, index: int, order: dict) -> None:
        where = f"Parameters.parameter.where(name = 'order')[{index}].resource"
        held = concepts(order, self.request.find)
        codes = tuple(dict.fromkeys(code for concept in held for code in codings(concept)))
        if not codes:
            text = "the order has no code by which a policy could be found"
            self.issues.append(Issue("incomplete", text, where, "warning"))
            return
        for insured in self._insuring(order):
            day = first_day(days_told(order), insured.payer.time_zone) or self.today
            policy = self.book.in_force(codes, day, under=insured.under, order=kind(order))
            if policy:
                self._needed(policy[0], insured, order, day, where)

    def _needed(self, policy: Policy, insured: Insured, order: dict, day: date, where: str) -> None:
        name = policy.at_order_time.questionnaire
        if name is None:
            return
        form = self.catalog.named(name)
        if in_force(form, day):
            self._take(form, [insured], [order])
        elif canonical_of(form) not in self.found:
            text = "the form for this order is not in force on the day of service; call the plan for what to document"
            self.issues.append(Issue("expired", text, where, "warning"))

    def _insuring(self, order: dict) -> Iterator[Insured]:
        """Yield the coverages that the order names, or all where it names none of them."""
        named = {reference(one) for one in dicts(order.get("insurance"))}
        own = [one for one in self.insured if local_reference(one.coverage) in named]
        yield from own or self.insured

    def _named(self, index: int, canonical: str) -> None:
        where = f"Parameters.parameter.where(name = 'questionnaire')[{index}].value"
        told = (one for order in self.request.orders for one in days_told(order))
        form = self.catalog.find(canonical, first_day(told, self.insured[0].payer.time_zone) or self.today)
        if form is None:
            known = self.catalog.knows(canonical)
            text = "no version of this form is in force" if known else "no form of ours has this canonical"
            self.issues.append(Issue("expired" if known else "not-found", text, where, "warning"))
            return
        if not in_force(form, self.today):
            text = "this version of the form is not in force; it was asked for by name"
            self.issues.append(Issue("expired", text, where, "warning"))
        self._take(form, self.insured, list(self.request.orders))

    def _nothing(self, promises: tuple[CoverageAssertion, ...]) -> Issue:
        """Say what to do where no form is to be had (DTR 2.2.0 oper-8)."""
        pinned = [self.book.version(one.policy or "", one.version or "") for one in promises]
        payer = self.insured[0].payer
        if any(policy and policy.at_order_time.doc_needed for policy in pinned):
            call = f" at {payer.phone}" if payer.phone else ""
            text = f"Documentation is needed, and there is no form for it: call {payer.name}{call}, or send the notes."
            return Issue("informational", text, None, "warning")
        text = "No form is needed for this order under this coverage; nothing is to be documented now."
        return Issue("informational", text, None, "information")
