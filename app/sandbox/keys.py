"""SANDBOX. Which keys does the EHR sign with? Its own, made at start: ES384 for hooks, RS384 for tokens."""

from datetime import datetime, timedelta
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey


class Keys:
    """Two key pairs and what is signed with them."""

    def __init__(self) -> None:
        self._hook = ECKey.generate_key("P-384", {"kid": "sandbox-hook", "use": "sig", "alg": "ES384"})
        self._backend = RSAKey.generate_key(2048, {"kid": "sandbox-backend", "use": "sig", "alg": "RS384"})

    def jwks(self) -> dict:
        """Return the public halves."""
        return {"keys": [self._hook.as_dict(private=False), self._backend.as_dict(private=False)]}

    def hook_token(self, issuer: str, audience: str, now: datetime) -> str:
        """Return a CDS Hooks JWT for one call (CDS Hooks 2.0, "Trusting CDS Clients")."""
        header = {"alg": "ES384", "kid": "sandbox-hook", "typ": "JWT", "jku": f"{issuer}/jwks.json"}
        return jwt.encode(header, _claims(issuer, audience, now), self._hook, algorithms=["ES384"])

    def client_assertion(self, client_id: str, audience: str, now: datetime) -> str:
        """Return a client assertion for the token endpoint (SMART Backend Services)."""
        header = {"alg": "RS384", "kid": "sandbox-backend", "typ": "JWT"}
        claims = _claims(client_id, audience, now) | {"sub": client_id}
        return jwt.encode(header, claims, self._backend, algorithms=["RS384"])

    def id_token(self, issuer: str, audience: str, user: str, nonce: str, now: datetime) -> str:
        """Return who launched an app, as a reference to the person (SMART App Launch, "fhirUser")."""
        header = {"alg": "ES384", "kid": "sandbox-hook", "typ": "JWT"}
        claims = _claims(issuer, audience, now) | {"sub": user.rpartition("/")[2], "fhirUser": user, "nonce": nonce}
        return jwt.encode(header, claims, self._hook, algorithms=["ES384"])


def _claims(issuer: str, audience: str, now: datetime) -> dict:
    issued = int(now.timestamp())
    expires = int((now + timedelta(minutes=5)).timestamp())
    return {"iss": issuer, "aud": audience, "iat": issued, "exp": expires, "jti": str(uuid4())}
