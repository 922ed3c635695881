"""With what does the DTR client prove itself to a payer? A key pair of its own, kept in its own folder."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

from app.once import write_once
from fhir_r4.wire import read_object, write_json


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client_id and its ES384 key."""

    client_id: str
    key: ECKey = field(repr=False)

    @classmethod
    def in_folder(cls, folder: Path, client_id: str) -> "Credentials":
        """Return the key kept in ``folder``, made on first use, by one process of all; ``jwks.json`` beside it holds
        the public half.

        Raises:
            OSError: there is none, and none can be written.
        """
        private = folder / "private-key.json"
        if not private.exists():
            folder.mkdir(parents=True, exist_ok=True)
            made = ECKey.generate_key("P-384", {"kid": f"{client_id}-1", "use": "sig", "alg": "ES384"})
            write_once(private, write_json(made.as_dict(private=True)))
        key = ECKey.import_key(read_object(private.read_bytes()))
        public, told = folder / "jwks.json", write_json({"keys": [key.as_dict(private=False)]})
        if not public.exists() or public.read_bytes() != told:
            public.write_bytes(told)
        return cls(client_id, key)

    def assertion(self, audience: str, now: datetime) -> str:
        """Return a client assertion for a token endpoint, good for five minutes and once."""
        issued, expires = int(now.timestamp()), int((now + timedelta(minutes=5)).timestamp())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": audience, "iat": issued, "exp": expires}
        header = {"alg": "ES384", "kid": self.key.kid, "typ": "JWT"}
        return jwt.encode(header, claims | {"jti": str(uuid4())}, self.key, algorithms=["ES384"])
