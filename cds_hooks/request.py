"""What did the EHR ask? The JSON of one hook call becomes a HookRequest.

Unknown elements are ignored everywhere (CRD 2.2.1 found-33). A ``hookInstance`` that is not a UUID is taken as it
is: public test clients send such.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_hooks.context import Context, context_faults, read_context
from cds_hooks.options import Configuration, read_configuration, unusable
from cds_hooks.services import Service
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue, Unprocessable
from fhir_r4.resource import as_dict, text_of


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call of one hook; the token is the EHR's and lives for this request only.

    Attributes:
        unusable: options of ours that came with a value that means nothing.
        has_dtr: the client fetches and fills forms by itself, as the operator has registered it.
        speakers: the numbers that the client is registered for; None where every number is its own.
    """

    service: Service
    instance: str
    generation: Generation
    context: Context
    prefetch: Mapping[str, Any]
    configuration: Configuration
    unusable: tuple[str, ...] = ()
    has_dtr: bool = True
    speakers: frozenset[str] | None = None
    fhir_server: str | None = None
    access_token: str | None = field(default=None, repr=False)

    @property
    def hook(self) -> str:
        return self.service.hook

    @property
    def patient_id(self) -> str:
        return self.context.patient_id

    def wants(self, option: str) -> bool:
        """Tell whether what this option shows is offered at this hook and was not switched off."""
        return self.configuration.get(option, False) is True


def read_request(
    body: dict,
    service: Service,
    default: Generation,
    *,
    has_dtr: bool = True,
    speakers: frozenset[str] | None = None,
) -> HookRequest:
    """Read a hook call for ``service``.

    Args:
        default: the generation spoken to a client that does not say which it wants.
        has_dtr, speakers: what the client is registered as; see HookRequest.

    Raises:
        InvalidRequest: a required field is missing or of the wrong kind, or the hook is not the service's; every
            fault at once.
        Unprocessable: ``davinci-crd.requestedVersion`` is none that we speak.
    """
    context, server = body.get("context"), text_of(body.get("fhirServer"))
    told = context_faults(service.hook, context, server) if isinstance(context, dict) else ()
    issues = [*_faults(body, service), *told]
    if issues:
        raise InvalidRequest(*issues)
    extension = as_dict(body.get("extension"))
    configuration = as_dict(extension.get("davinci-crd.configuration"))
    authorization = as_dict(body.get("fhirAuthorization"))
    return HookRequest(
        service=service,
        instance=body["hookInstance"],
        generation=_generation(extension, default),
        context=read_context(service.hook, as_dict(context), server),
        prefetch=as_dict(body.get("prefetch")),
        configuration=read_configuration(configuration, service.options),
        unusable=unusable(configuration, service.options),
        has_dtr=has_dtr,
        speakers=speakers,
        fhir_server=server,
        access_token=text_of(authorization.get("access_token")),
    )


def without_token(body: dict) -> dict:
    """Return the call as it may be kept: the EHR's bearer token is removed (CRD 2.2.1 sec-5, sec-6)."""
    authorization = body.get("fhirAuthorization")
    if not isinstance(authorization, dict):
        return body
    return body | {"fhirAuthorization": {k: v for k, v in authorization.items() if k != "access_token"}}


def _faults(body: dict, service: Service) -> Iterator[Issue]:
    if not text_of(body.get("hook")):
        yield Issue("required", "the hook that was triggered is missing", "hook")
    elif body["hook"] != service.hook:
        yield Issue("invalid", f"this service is called by the hook {service.hook}", "hook")
    if not text_of(body.get("hookInstance")):
        yield Issue("required", "a UUID for this hook call is missing", "hookInstance")
    if not isinstance(body.get("context"), dict):
        yield Issue("required", "the context of the hook, an object, is missing", "context")
    if not isinstance(body.get("prefetch", {}), dict | None):
        yield Issue("structure", "prefetch must be an object", "prefetch")
    if as_dict(body.get("fhirAuthorization")) and not text_of(body.get("fhirServer")):
        yield Issue("required", "fhirAuthorization must come with the server it is for", "fhirServer")


def _generation(extension: dict, default: Generation) -> Generation:
    """Return the generation asked for, patch versions included."""
    wanted = extension.get("davinci-crd.requestedVersion")
    if wanted is None:
        return default
    try:
        return Generation(".".join(wanted.split(".")[:2]) if isinstance(wanted, str) else wanted)
    except ValueError:
        where = 'extension."davinci-crd.requestedVersion"'
        raise Unprocessable(Issue("not-supported", "this service speaks CRD 2.0 and 2.2", where)) from None
