"""What does the browser hold, and what may a page of the app do in it?

A cookie holds the key of the desk; every request that changes something proves that it comes from a page of the app,
by a token made from that key. Each desk has a place of its own below ``/dtr/desk``, to which its cookie is bound: two
patients' forms are open in two windows, and neither window ever shows the other's. An EHR may show the app in a frame:
then the cookie is a third party's there, kept apart for each EHR (Partitioned), and frames are allowed to the origins
that the operator registered and to nobody else.

Source: SMART App Launch 2.2, "Considerations for launching an app in an iframe"; RFC 6265bis; CHIPS.
"""

import hashlib
import hmac
from dataclasses import dataclass

from flask import g, request
from werkzeug.wrappers import Response as AnyResponse

COOKIE = "priorauth_dtr"
DESK = "/desk/<place>"
"""Where the pages of one desk are, below the app's own."""
_PATH = "/dtr/desk/"
_CALLBACK = "/dtr/callback"


class Forged(Exception):
    """A request that changes something and does not come from a page of this app."""


@dataclass(frozen=True, slots=True)
class Browser:
    """What is the same for every browser.

    Attributes:
        is_secure: the app is reached over TLS.
        frames: origins whose pages may show the app in a frame.
    """

    is_secure: bool
    frames: tuple[str, ...]

    def launching(self, response: AnyResponse, secret: str, state: str) -> AnyResponse:
        """Give the browser the key of a launch that is on its way, for when it comes back: several may be."""
        return self._with(response, secret, _CALLBACK, _launch_s(state))

    def launched(self, response: AnyResponse, state: str) -> AnyResponse:
        """Take the key of a launch back."""
        return self._without(response, _CALLBACK, _launch_s(state))

    def with_key(self, response: AnyResponse, secret: str) -> AnyResponse:
        """Give the browser the key of its desk: not for scripts, and not without TLS."""
        return self._with(response, secret, f"{_PATH}{place_of(secret)}/")

    def without_key(self, response: AnyResponse) -> AnyResponse:
        return self._without(response, f"{_PATH}{g.place}/")

    def _with(self, response: AnyResponse, secret: str, path: str, name: str = COOKIE) -> AnyResponse:
        response.set_cookie(name, secret, httponly=True, path=path, secure=self.is_secure, **self._site())
        return response

    def _without(self, response: AnyResponse, path: str, name: str = COOKIE) -> AnyResponse:
        response.delete_cookie(name, httponly=True, path=path, secure=self.is_secure, **self._site())
        return response

    def headers(self, *, inline_styles: bool) -> dict[str, str]:
        """Return what every page says of itself; styles set by script are allowed to LHC-Forms alone."""
        styles = "'self' 'unsafe-inline'" if inline_styles else "'self'"
        return {
            "Content-Security-Policy": f"default-src 'none'; script-src 'self'; style-src {styles}; "
            "img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
            f"frame-ancestors {' '.join(self.frames) or chr(39) + 'none' + chr(39)}",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }

    def _site(self) -> dict:
        """A frame of another site sends the cookie only where it says so, which wants TLS."""
        framed = self.is_secure and bool(self.frames)
        return {"samesite": "None", "partitioned": True} if framed else {"samesite": "Lax"}


def place_of(secret: str) -> str:
    """Return what the address of a desk is told by: it opens nothing without the key."""
    return hashlib.sha256(f"dtr place {secret}".encode()).hexdigest()[:16]


def _launch_s(state: str) -> str:
    """Return the name of the cookie that a launch has while it is on its way."""
    return f"{COOKIE}_{place_of(state)}"


def key() -> str | None:
    """Return the key of the place that is asked for, or of the launch that comes back."""
    place = g.get("place")
    secret = request.cookies.get(COOKIE if place else _launch_s(request.args.get("state", "")))
    return secret if secret and place in {None, place_of(secret)} else None


def token() -> str:
    """Return what a page of this desk sends along with each request that changes something."""
    return hmac.new((key() or "").encode(), b"dtr page", hashlib.sha256).hexdigest()


def check_token() -> None:
    """Raise Forged where the request does not carry the token of its desk."""
    sent = request.headers.get("X-CSRFToken") or request.form.get("csrf_token") or ""
    if not key() or not hmac.compare_digest(sent.encode(), token().encode()):
        raise Forged
