"""How does the app get from an EHR's launch to a token and its context? SMART App Launch, with PKCE.

Source: SMART App Launch 2.2, "App Launch: Launch and Authorization"; OpenID Connect Core 1.0, 3.1.3.7; OpenID Connect
Discovery 1.0, 4.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.clients.outbound import Door, OutboundFailed, OutboundRefused
from app.dtr.launch import Launch
from app.dtr.registered import RegisteredEhr
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import dicts, text_of
from fhir_r4.wire import read_object

_ALGORITHMS = ["ES384", "ES256", "RS384", "RS256"]
_SAVES = re.compile(r"(patient|user)/(QuestionnaireResponse|\*)\.(\*|write|cr?u?d?s?)(\?.*)?")
_BEFORE, _LONGEST = 30, 366 * 86_400  # seconds


class LaunchFailed(Exception):
    """The launch did not come to its end; the message is for the person who launched."""


@dataclass(frozen=True, slots=True)
class Started:
    """A launch on its way through the EHR's authorization server; kept on the desk until the browser is back."""

    iss: str
    issuer: str
    token_endpoint: str
    jwks_uri: str
    state: str
    verifier: str
    nonce: str
    redirect: str

    def to_json(self) -> dict:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Launched:
    """What a launch leaves us with.

    Attributes:
        iss: the EHR's FHIR base.
        patient: bare id.
        user: reference to who launched, below ``iss``.
        about: references from fhirContext: an order, a Coverage, a QuestionnaireResponse, a Task.
        may_save: the scopes that were granted let the app write responses; where none are named, those asked for do.
        refresh_token, until: how the app gets another token, and when it needs one (ISO); "" where the EHR did not say.
    """

    iss: str
    access_token: str
    patient: str
    user: str
    about: tuple[str, ...]
    may_save: bool = True
    refresh_token: str = ""
    until: str = ""

    def __repr__(self) -> str:
        return f"Launched({self.iss!r})"

    def to_json(self) -> dict:
        return asdict(self) | {"about": list(self.about)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Launched":
        return cls(**{**data, "about": tuple(data["about"])})


def begin(door: Door, ehr: RegisteredEhr, launch: str | None, redirect: str) -> tuple[Started, str]:
    """Return what to remember, and where to send the browser.

    Args:
        launch: the EHR's opaque handle; None for a standalone launch.
        redirect: our callback's URL.

    Raises:
        LaunchFailed: the EHR's configuration cannot be had or cannot be used.
    """
    found = _json(door, "GET", f"{ehr.iss}/.well-known/smart-configuration", ehr.iss)
    authorize, token = (text_of(found.get(f"{name}_endpoint")) or "" for name in ("authorization", "token"))
    issuer = text_of(found.get("issuer")) or ehr.iss
    jwks = text_of(found.get("jwks_uri")) or _keys_of(door, issuer, ehr)
    if not all(_same_origin(url, ehr.iss) for url in (authorize, token, *([jwks] if jwks else []))):
        raise LaunchFailed("the EHR's authorization server is not where its FHIR server is")
    verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": ehr.client,
        "redirect_uri": redirect,
        "scope": ehr.scopes,
        "state": state,
        "nonce": nonce,
        "aud": ehr.iss,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    } | ({"launch": launch} if launch else {})
    separator = "&" if urlsplit(authorize).query else "?"
    started = Started(ehr.iss, issuer, token, jwks, state, verifier, nonce, redirect)
    return started, f"{authorize}{separator}{urlencode(asked)}"


def _keys_of(door: Door, issuer: str, ehr: RegisteredEhr) -> str:
    """Return where the issuer's keys are by OpenID Connect Discovery, or ""."""
    if not _same_origin(issuer, ehr.iss):
        return ""
    try:
        found = _json(door, "GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration", _origin(issuer))
    except LaunchFailed:
        return ""
    return text_of(found.get("jwks_uri")) or ""


def finish(door: Door, ehr: RegisteredEhr, started: Started, code: str, now: datetime) -> Launched:
    """Exchange the code for a token and return the launch's context; LaunchFailed."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": started.redirect,
        "client_id": ehr.client,
        "code_verifier": started.verifier,
    }
    given = _json(door, "POST", started.token_endpoint, _origin(started.token_endpoint), urlencode(form).encode())
    token, patient = text_of(given.get("access_token")), text_of(given.get("patient"))
    if not token or not patient:
        raise LaunchFailed("the EHR gave no token for a patient's record")
    bare = patient.removeprefix(f"{ehr.iss}/").removeprefix("Patient/")
    named = (text_of(one.get("reference")) or "" for one in dicts(given.get("fhirContext")))
    about = tuple(one.partition("/_history/")[0] for one in named if one)
    user = _user(door, ehr, started, given, now)
    may_save = _may_save(text_of(given.get("scope")) or ehr.scopes)
    return Launched(ehr.iss, token, bare, user, about, may_save, *_renewal(given, now))


def renewed(door: Door, ehr: RegisteredEhr, launch: Launch, now: datetime) -> Launch:
    """Return the launch with a new token in place of one that ends (SMART App Launch 2.2, refresh); LaunchFailed."""
    found = _json(door, "GET", f"{ehr.iss}/.well-known/smart-configuration", ehr.iss)
    endpoint = text_of(found.get("token_endpoint")) or ""
    form = {"grant_type": "refresh_token", "refresh_token": launch.refresh_token, "client_id": ehr.client}
    given = _json(door, "POST", endpoint, _origin(ehr.iss), urlencode(form).encode())
    token = text_of(given.get("access_token"))
    if not token:
        raise LaunchFailed("the EHR gave no further token")
    refresh, until = _renewal(given, now)
    return replace(launch, access_token=token, refresh_token=refresh or launch.refresh_token, until=until)


def _renewal(given: dict, now: datetime) -> tuple[str, str]:
    """Return what brings the next token, and when it is needed: a little before this one ends."""
    seconds = given.get("expires_in")
    refresh = text_of(given.get("refresh_token")) or ""
    if not isinstance(seconds, int) or not 0 < seconds <= _LONGEST:
        return refresh, ""
    return refresh, (now + timedelta(seconds=max(0, seconds - _BEFORE))).isoformat()


def _may_save(scopes: str) -> bool:
    return any(_SAVES.fullmatch(one) for one in scopes.split())


def _user(door: Door, ehr: RegisteredEhr, started: Started, given: dict, now: datetime) -> str:
    """Return who launched: the ``fhirUser`` of the id_token, after its signature and claims were checked.

    A nonce has to be ours; an EHR that gives none is taken all the same, since PKCE ties the code to this launch.
    """
    said = text_of(given.get("id_token"))
    if not said or not started.jwks_uri:
        raise LaunchFailed("the EHR did not say who launched the app")
    keys = _json(door, "GET", started.jwks_uri, _origin(started.jwks_uri))
    try:
        claims = jwt.decode(said, KeySet.import_key_set(keys), algorithms=_ALGORITHMS).claims  # type: ignore[arg-type]
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=60,
            iss={"essential": True, "value": started.issuer},
            aud={"essential": True, "value": ehr.client},
            exp={"essential": True},
            nonce={"value": started.nonce},
        )
        registry.validate(claims)
    except (JoseError, ValueError, KeyError, TypeError):
        raise LaunchFailed("the EHR's word on who launched the app does not hold") from None
    user = (text_of(claims.get("fhirUser")) or "").removeprefix(f"{ehr.iss}/")
    if user.count("/") != 1:
        raise LaunchFailed("the EHR did not say who launched the app")
    return user


def _json(door: Door, method: str, url: str, allowed: str, body: bytes | None = None) -> dict:
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        reply = door.send(method, url, allowed=[allowed], headers=headers, body=body)
        if reply.status != 200:
            raise LaunchFailed("the EHR refused the launch")
        return read_object(reply.body)
    except (OutboundFailed, OutboundRefused, InvalidRequest):
        raise LaunchFailed("the EHR does not answer as it should") from None


def _same_origin(url: str, other: str) -> bool:
    return bool(url) and _origin(url) == _origin(other)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
