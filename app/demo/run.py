"""How is the demo run? Service and sandbox started, clients registered by the operator, the story told."""

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from app.demo.lumbar_mri import PASSWORD, reviewer
from app.demo.parties import HOUSE, DidNotStart, Parties, Process, end_on_sigterm, loopback_door, parties, running
from app.demo.story import chapters, tell_chapter
from app.demo.transcript import Transcript
from app.dtr.credentials import Credentials
from fhir_r4.generations import Generation


def tell(*, once: bool, port: int) -> int:
    """Tell the story and return the exit code; without ``once`` everything stays up until Ctrl-C."""
    out = Transcript()
    end_on_sigterm()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="priorauth-demo-")))
        try:
            here = open_house(stack, folder, port, out)
        except DidNotStart as failed:
            out.expect(str(failed), False)
            return out.summary()
        code = _story(here, out)
        if not once:
            _stay(here, out)
    return code


def open_house(
    stack: ExitStack, folder: Path, port: int, out: Transcript, settings: Mapping[str, str] = MappingProxyType({})
) -> Parties:
    """Do what an operator does on the first day, and start service and sandbox; ``stack`` ends them.

    Args:
        settings: of the service, beside those of the demo.
    """
    here = parties(port, folder / "data", settings)
    shutil.copytree(HOUSE / "fixtures" / "payer", here.data)
    write_registered(here)
    credentials = Credentials.in_folder(here.data / "dtr", "dtr-app")
    out.chapter("The operator opens the house")
    _operator(here, out, "migrate")
    _operator(here, out, "directory", "load")
    here = replace(here, service_process=stack.enter_context(start_service(here, folder)))
    sandbox = ["sandbox", "--port", str(port + 1), "--payer", here.service]
    stack.enter_context(running(sandbox, f"{here.ehr}/jwks.json", folder / "sandbox.log", here.environment))
    keys = f"{here.ehr}/jwks.json"
    _operator(
        here,
        out,
        *_words("client add riverside-ehr --organization 1234567893 --jwks", keys),
        *_words("--scope", "system/Claim.crus system/ClaimResponse.rs system/Subscription.cruds"),
        *_words(f"--hook-issuer {here.ehr} --hook-jwks {keys} --ehr {here.ehr}/fhir"),
    )
    scopes = "system/Questionnaire.rs system/ValueSet.rs system/Library.rs"
    public = str(here.data / "dtr" / "jwks.json")
    _operator(here, out, *_words(f"client add {credentials.client_id} --jwks", public), "--scope", scopes)
    return here


def write_registered(here: Parties) -> None:
    """Tell the DTR app, as an operator does in dtr.yaml, of the sandbox EHR and of the payer that it asks for forms."""
    file = here.data / "dtr.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("http://127.0.0.1:8001", here.ehr).replace("http://127.0.0.1:8000", here.service))


def start_service(here: Parties, folder: Path) -> AbstractContextManager[Process]:
    """Run the web processes; used again when a journey has killed them."""
    port = here.service.rpartition(":")[2]
    ready = f"{here.service}/health/ready"
    return running(["serve", "--port", port], ready, folder / "service.log", here.environment)


def _words(text: str, *more: str) -> list[str]:
    return [*text.split(), *more]


def _operator(here: Parties, out: Transcript, *words: str) -> None:
    shown = " ".join(f"'{word}'" if " " in word else word for word in words)
    out.console.print(f"  $ priorauth {shown}", markup=False)
    out.found("says", here.operate(*words))


def _story(here: Parties, out: Transcript) -> int:
    credentials = Credentials.in_folder(here.data / "dtr", "dtr-app")
    for chapter in chapters(here):
        tell_chapter(chapter, here, credentials, loopback_door(), out)
    return out.summary()


def _stay(here: Parties, out: Transcript) -> None:
    out.addresses(
        {
            "CDS Hooks discovery": f"{here.service}/cds-services",
            "FHIR, 2.0.1 family": f"{here.service}/fhir/2.0/metadata",
            "FHIR, 2.2 family": f"{here.service}/fhir/2.2/metadata",
            "Health": f"{here.service}/health/ready",
            "Staff pages": f"{here.service}/worklist",
            "sign in as": f"{reviewer(Generation.V2_2)}, {PASSWORD}",
            "Sandbox EHR, launches the DTR app": here.ehr,
        }
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.console.print("closing")
