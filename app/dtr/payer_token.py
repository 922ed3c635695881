"""How does the app come by a payer's token? By a client assertion of its own key; a token is used until it runs out.

Source: SMART Backend Services; DTR 2.0.1 @152.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from app.dtr.credentials import Credentials
from fhir_r4.resource import text_of

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = "system/Questionnaire.rs system/ValueSet.rs system/Library.rs"
_EARLIER = timedelta(seconds=30)
Send = Callable[[str, str, str, dict[str, str], bytes | None], dict]
"""method, url, what for, headers, body → the answer's JSON."""


@dataclass(slots=True)
class PayerTokens:
    """The tokens of this process by the payer's base. They live here and nowhere else."""

    _kept: dict[str, tuple[str, datetime]] = field(default_factory=dict, repr=False)

    def token(self, base: str, credentials: Credentials, now: datetime, send: Send) -> str | None:
        """Return a token that is still good; None where the payer gives none."""
        held = self._kept.get(base)
        if held and now < held[1]:
            return held[0]
        url = f"{base}/.well-known/smart-configuration"
        endpoint = text_of(send("GET", url, "Where are tokens had?", {}, None).get("token_endpoint")) or ""
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPES,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": credentials.assertion(endpoint, now),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        what = f"a token for {credentials.client_id}, by an assertion signed with its own key"
        answer = send("POST", endpoint, what, headers, urlencode(form).encode())
        token, seconds = text_of(answer.get("access_token")), answer.get("expires_in")
        if token and isinstance(seconds, int):
            self._kept[base] = token, now + timedelta(seconds=min(seconds, 3600)) - _EARLIER
        return token
