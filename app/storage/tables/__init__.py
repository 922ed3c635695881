"""What is kept, and in which columns? What is searched is extracted; payloads are bytes as received or answered.

::

    callers      Who may call, under which keys, and for whom?
    directory    Who is insured, and which providers does the payer know?
    hooks        What was asked at a hook, what was answered, and what may be relied on?
    cases        What was requested, what has been decided, and what is still wanted for it?
    work         What has been done, and what is to be done after an answer?
    subscribers  Who is told of changes, and how far along are they?
    people       Who of the payer's own people may work here?
    books        Which policies and forms are in force, and which were before?
    keeping      What has been purged, and what must not be?
    forms        Who is filling a form, and what was wrong with one?

``decisions`` and ``events`` only ever grow: triggers refuse UPDATE and DELETE. An item's present decision is its
last. A refusal or reduction of care without a clinician, a reason and a licence is no row of this schema.
"""

from app.storage.tables.books import policy_activations, policy_books, policy_files
from app.storage.tables.callers import access_tokens, client_ehrs, client_organizations, clients, spent_assertions
from app.storage.tables.cases import attachments, authorizations, decisions, information_requests, items, submissions
from app.storage.tables.directory import members, providers
from app.storage.tables.forms import dtr_desks, form_errors
from app.storage.tables.hooks import (
    MEASURED_OR_NOT,
    coverage_assertions,
    crd_metrics,
    hook_feedback,
    hook_invocations,
    hook_orders,
)
from app.storage.tables.keeping import legal_holds, purged_cases, purges
from app.storage.tables.people import staff, staff_sessions, staff_tries
from app.storage.tables.schema import metadata
from app.storage.tables.subscribers import subscription_events, subscriptions
from app.storage.tables.work import events, outbox

__all__ = [
    "MEASURED_OR_NOT",
    "access_tokens",
    "attachments",
    "authorizations",
    "client_ehrs",
    "client_organizations",
    "clients",
    "coverage_assertions",
    "crd_metrics",
    "decisions",
    "dtr_desks",
    "events",
    "form_errors",
    "hook_feedback",
    "hook_invocations",
    "hook_orders",
    "information_requests",
    "items",
    "legal_holds",
    "members",
    "metadata",
    "outbox",
    "policy_activations",
    "policy_books",
    "policy_files",
    "providers",
    "purged_cases",
    "purges",
    "spent_assertions",
    "staff",
    "staff_sessions",
    "staff_tries",
    "submissions",
    "subscription_events",
    "subscriptions",
]
