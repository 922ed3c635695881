"""What is answered? Bundles around ClaimResponses, one writer for each generation.

What the request held keeps its fullUrl, id and identifiers (2.2.1 spec-33); our references repeat those fullUrls
to the letter. The ClaimResponse stands first, then each resource that it leads to, once (spec-30, -31); the Claim
itself is the submitter's and is left out, unless a Task leads to it.

Source: PAS 2.0.1 and 2.2.1, profile-pas-response-bundle, profile-pas-inquiry-response-bundle.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from fhir_r4.bundle import Entry, targets
from fhir_r4.generations import Generation
from fhir_r4.problems import Issue, operation_outcome
from fhir_r4.resource import kind, local_reference
from fhir_r4.systems import ORIGINAL_URN, PAS
from prior_auth.case import Case
from prior_auth.claim_response import INQUIRY, RESPONSE, Manner, claim_response, error_response
from prior_auth.information_resources import communication_requests, tasks
from prior_auth.inquiry import Inquiry
from prior_auth.parties import BusinessError
from prior_auth.submission import Submission


@dataclass(frozen=True, slots=True)
class Writer(Manner):
    """Writes for one generation."""

    def response_bundle(self, case: Case) -> dict:
        """Return what ``$submit`` answers, with what is asked for while anything is pended."""
        resource = claim_response(case, RESPONSE, self)
        asked = communication_requests(case, self.base, self.generation)
        if asked:
            urls = [f"{self.base}/{local_reference(one)}" for one in asked]
            resource["communicationRequest"] = [{"reference": url} for url in urls]
        more = [*asked, *tasks(case, self.base, self.generation)]
        return self._bundle(resource, case.submission, "profile-pas-response-bundle", case.authorization.id, more)

    def error_bundle(self, error: BusinessError, submission: Submission, identity: str) -> dict:
        """Return what ``$submit`` answers when a readable request cannot be worked on."""
        resource = error_response(error, submission, identity, self)
        return self._bundle(resource, submission, "profile-pas-response-bundle", identity)

    def claim_response(self, case: Case) -> dict:
        """Return the ClaimResponse alone, as it is read by its id."""
        resource = claim_response(case, RESPONSE, self)
        resource["meta"] = {"versionId": str(case.authorization.version)} | resource["meta"]
        return resource

    def inquiry_answer(self, cases: Iterable[Case], inquiry: Inquiry, withheld: Issue | None = None) -> dict:
        """Return what ``$inquire`` answers: one Bundle for all (2.0.1), Parameters with one for each (2.2.1).

        Args:
            withheld: says that something is not told (2.2.1 spec-50), where it is not.
        """
        return _INQUIRY_ANSWER[self.generation](self, tuple(cases), inquiry, withheld)

    def inquiry_bundle(self, case: Case) -> dict:
        resource = claim_response(case, INQUIRY, self)
        identity, more = f"{case.authorization.id}#inquiry", tasks(case, self.base, self.generation)
        return self._bundle(resource, case.submission, "profile-pas-inquiry-response-bundle", identity, more)

    def inquiry_error(self, error: BusinessError, inquiry: Inquiry, identity: str) -> dict:
        """Return what ``$inquire`` answers when it is not known who is asked, or about whom."""
        resource = error_response(error, inquiry, identity, self)
        bundle = self._bundle(resource, inquiry, "profile-pas-inquiry-response-bundle", identity)
        return _RETURNED[self.generation](bundle)

    def empty_bundle(self, inquiry: Inquiry, withheld: Issue | None) -> dict:
        """Return a Bundle that says "nothing found" and is valid all the same (2.0.1: entry 1..*)."""
        said = withheld or Issue("not-found", "No authorization answers this inquiry.", None, "information")
        parties = filter(None, [inquiry.patient, inquiry.insurer.entry, inquiry.provider])
        echoed = inquiry.entries.closure(parties, leave=[inquiry.entries[0].full_url])
        entries = [self.said(said, inquiry), *map(_echo, echoed)]
        return self._collection(entries, "profile-pas-inquiry-response-bundle", inquiry.patient.full_url)

    def said(self, issue: Issue, inquiry: Inquiry) -> dict:
        """Return an entry that says something about the answer itself."""
        identity = uuid5(NAMESPACE_URL, f"{self.now.isoformat()}#{issue.code}#{inquiry.patient.full_url}")
        return {"fullUrl": f"urn:uuid:{identity}", "resource": operation_outcome([issue])}

    def _bundle(
        self, resource: dict, submission: Submission | Inquiry, profile: str, identity: str, more: Sequence[dict] = ()
    ) -> dict:
        """Put the ClaimResponse first, what we ask for next, and the requester's own entries behind it.

        The Claim is the submitter's and is left out, unless a Task leads to it. The Claim of an update never comes
        along: ClaimResponse.request and Task.reasonReference may only lead to one without ``related``.
        """
        own = [resource, *more]
        claim = submission.claim
        named = (submission.entries.resolve(target, claim) for one in own for target in targets(one))
        leads_to_claim = any(kind(one) == "Task" for one in more) and not claim.resource.get("related")
        roots = [one for one in named if one and (leads_to_claim or one.full_url != claim.full_url)]
        leave = [] if leads_to_claim else [claim.full_url]
        echoed = submission.entries.closure(roots, leave=leave)
        first = [{"fullUrl": f"{self.base}/{local_reference(one)}", "resource": one} for one in own]
        return self._collection([*first, *map(_echo, echoed)], profile, identity)

    def _collection(self, entries: list[dict], profile: str, identity: str) -> dict:
        name = uuid5(NAMESPACE_URL, f"{self.base}/Bundle/{identity}#{self.now.isoformat()}")
        return {
            "resourceType": "Bundle",
            "id": str(name),
            "meta": {"profile": [f"{PAS}/StructureDefinition/{profile}"]},
            "identifier": {"system": ORIGINAL_URN, "value": f"urn:uuid:{name}"},
            "type": "collection",
            "timestamp": self.now.isoformat(timespec="seconds"),
            "entry": entries,
        }


def _one_bundle(writer: Writer, cases: tuple[Case, ...], inquiry: Inquiry, withheld: Issue | None) -> dict:
    if not cases:
        return writer.empty_bundle(inquiry, withheld)
    bundles = [writer.inquiry_bundle(case) for case in cases]
    entries: dict[str, dict] = {}
    for bundle in bundles:
        for entry in bundle["entry"]:
            entries.setdefault(entry["fullUrl"], entry)
    return _with(bundles[0] | {"entry": list(entries.values())}, withheld, writer, inquiry)


def _bundle_each(writer: Writer, cases: tuple[Case, ...], inquiry: Inquiry, withheld: Issue | None) -> dict:
    bundles = [writer.inquiry_bundle(case) for case in cases]
    if bundles:
        bundles[0] = _with(bundles[0], withheld, writer, inquiry)
    elif withheld:  # the profile wants a ClaimResponse first, and there is none to tell
        bundles = [{name: value for name, value in writer.empty_bundle(inquiry, withheld).items() if name != "meta"}]
    return _parameters(bundles)


def _in_parameters(bundle: dict) -> dict:
    return _parameters([bundle])


def _parameters(bundles: Iterable[dict]) -> dict:
    found = [{"name": "return", "resource": bundle} for bundle in bundles]
    return {"resourceType": "Parameters"} | ({"parameter": found} if found else {})


def _with(bundle: dict, withheld: Issue | None, writer: Writer, inquiry: Inquiry) -> dict:
    """Return the Bundle with the OperationOutcome behind its ClaimResponse, where there is something to say."""
    if withheld is None:
        return bundle
    first, *rest = bundle["entry"]
    return bundle | {"entry": [first, writer.said(withheld, inquiry), *rest]}


def _itself(bundle: dict) -> dict:
    return bundle


_RETURNED: Mapping[Generation, Callable[[dict], dict]] = {Generation.V2_0: _itself, Generation.V2_2: _in_parameters}
_INQUIRY_ANSWER = {Generation.V2_0: _one_bundle, Generation.V2_2: _bundle_each}


def _echo(entry: Entry) -> dict:
    return {"fullUrl": entry.full_url, "resource": entry.resource}
