"""SANDBOX. How does an app come by a token? SMART App Launch: from the EHR, or standalone with a choice of patient.

The clinician is logged in already and allows what is asked; all else is as the specification says: registered
redirect, PKCE, codes good once and for a minute, an ``id_token`` that says who launched.

Source: SMART App Launch 2.2, "App Launch: Launch and Authorization".
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.sandbox.grants import IDENTITY, grant_of
from app.sandbox.grants import granted as allowed
from app.sandbox.keys import Keys
from app.sandbox.tokens import Tokens

CODE_LIFE = timedelta(minutes=1)
TOKEN_LIFE = timedelta(minutes=30)
APP_SCOPES = "patient/*.rs patient/QuestionnaireResponse.cu patient/Task.cu"
"""What an app may have of the record of the patient for whom it is launched."""


class Refused(Exception):
    """The app asked for what it does not get; the message is OAuth's word for it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a launch is about: whose record, who launched, and references to what (order, coverage, form)."""

    patient: str
    user: str
    about: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """Return it as the token response carries it (SMART 2.2, "fhirContext")."""
        references = [{"reference": one} for one in self.about]
        return {"patient": self.patient} | ({"fhirContext": references} if references else {})


@dataclass(frozen=True, slots=True)
class _Granted:
    context: Context
    challenge: str
    redirect: str
    client: str
    nonce: str
    scope: str
    until: datetime


@dataclass
class Authorization:
    """The EHR's authorization server.

    Attributes:
        issuer: the EHR's FHIR base.
        apps: redirect URI by client_id.
    """

    issuer: str
    url: str
    keys: Keys
    tokens: Tokens
    apps: Mapping[str, str]
    _launches: dict[str, Context] = field(default_factory=dict)
    _codes: dict[str, _Granted] = field(default_factory=dict)

    def configuration(self) -> dict:
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.url}/jwks.json",
            "authorization_endpoint": f"{self.url}/auth/authorize",
            "token_endpoint": f"{self.url}/auth/token",
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "response_types_supported": ["code"],
            "scopes_supported": [*sorted(IDENTITY), *APP_SCOPES.split()],
            "capabilities": [
                "launch-ehr",
                "launch-standalone",
                "client-public",
                "context-ehr-patient",
                "sso-openid-connect",
            ],
        }

    def openid(self) -> dict:
        """Return what is said of the issuer of id_tokens (OpenID Connect Discovery 1.0)."""
        shared = ("issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "response_types_supported")
        return {name: self.configuration()[name] for name in shared} | {
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES384"],
        }

    def launch(self, context: Context) -> str:
        """Return the opaque ``launch`` of an EHR launch."""
        handle = secrets.token_urlsafe(16)
        self._launches[handle] = context
        return handle

    def launched(self, asked: Mapping[str, str]) -> Context | None:
        """Return what the app was launched with; None for a standalone launch."""
        return self._launches.pop(asked["launch"], None) if asked.get("launch") else None

    def check(self, asked: Mapping[str, str]) -> None:
        """Raise Refused unless the authorization request is a registered app's, with PKCE and for this server."""
        if self.apps.get(asked.get("client_id", "")) != asked.get("redirect_uri"):
            raise Refused("unauthorized_client")
        pkce = asked.get("code_challenge_method") == "S256" and asked.get("code_challenge")
        if asked.get("response_type") != "code" or not pkce or not asked.get("state"):
            raise Refused("invalid_request")
        if asked.get("aud") != self.issuer:
            raise Refused("invalid_request")

    def code(self, asked: Mapping[str, str], context: Context, now: datetime) -> str:
        """Return a code for the redirect back to the app."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = _Granted(
            context, asked["code_challenge"], asked["redirect_uri"], asked["client_id"],
            asked.get("nonce", ""), asked.get("scope", ""), now + CODE_LIFE,
        )  # fmt: skip
        return code

    def token(self, form: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Return the token response for a code; a code is good once. Raises Refused."""
        granted = self._codes.pop(form.get("code", ""), None)
        if form.get("grant_type") != "authorization_code" or granted is None or now > granted.until:
            raise Refused("invalid_grant")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if challenge.rstrip(b"=").decode() != granted.challenge or form.get("redirect_uri") != granted.redirect:
            raise Refused("invalid_grant")
        user = f"{self.issuer}/{granted.context.user}"
        scope = allowed(granted.scope)
        return {
            "access_token": self.tokens.issue(now, TOKEN_LIFE, grant_of(granted.context.patient, scope)),
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "scope": scope,
            "id_token": self.keys.id_token(self.issuer, granted.client, user, granted.nonce, now),
            **granted.context.to_json(),
        }
