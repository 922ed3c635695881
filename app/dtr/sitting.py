"""Who sits before this browser, and what lies on their desk? For the pages: each reads it, each puts it back."""

from dataclasses import dataclass

from app.dtr import browser
from app.dtr.context import Found, as_launched
from app.dtr.desk import Desk
from app.dtr.kit import Kit
from app.dtr.sessions import KIT, TURN
from app.dtr.smart import Launched, Started
from app.dtr.smart_app import SmartApp
from app.dtr.stopped import AlreadySent, Stopped

ELSEWHERE = (
    "This form is open in another window by now, and goes on there: what you enter here is not kept. Close this "
    "window, or load it again to go on here."
)
CLOSED = "This form is no longer open here. Launch it again from the EHR."


@dataclass(frozen=True, slots=True)
class Sitting:
    """The app, and the browsers that come to it."""

    app: SmartApp
    browser: browser.Browser

    def started(self) -> Started | None:
        """Return the launch that was begun in this browser."""
        held = self._held()
        return Started(**held["started"]) if "started" in held else None

    def is_opening(self) -> bool:
        """Tell whether a form is to be opened: of a launch for which none is open yet, or one that was asked for."""
        return bool({"code", "launched", "wants"} & self._held().keys())

    def want(self, *what: str) -> None:
        """Remember which form was asked for, since to open it takes its time; Stopped where nothing is open here."""
        held = self._held()
        if not held:
            raise Stopped(CLOSED)
        self.app.desks.write(browser.key() or "", held | {"wants": what})

    def taken_up(self) -> list[str]:
        """Return what was asked for, once: where it fails, all is as it was before."""
        held = self._held()
        wanted: list[str] = held.pop("wants", [])
        if wanted:
            self.app.desks.write(browser.key() or "", held)
        return wanted

    def let_in(self, secret: str, started: Started, code: str) -> None:
        """Put on a new desk what the EHR's authorization server gave; the rest may take its time."""
        self.app.desks.write(secret, {"started": started.to_json(), "code": code})

    def launched(self) -> Launched:
        """Return the launch for which no form is open yet, brought to its end where it was only let in; Stopped."""
        held = self._held()
        if "code" in held:
            launched = self.app.finish(Started(**held["started"]), held["code"])
            self.app.desks.write(browser.key() or "", {"launched": launched.to_json()})
            return launched
        if "launched" in held:
            return Launched.from_json(held["launched"])
        raise Stopped(CLOSED)

    def choose_anew(self) -> None:
        """Put the launch back as it was before its order was chosen; what is open and not sent stays open."""
        desk = self.with_token(self.desk())
        if desk.completed_at:
            self.app.desks.write(browser.key() or "", {"launched": as_launched(desk.launch).to_json()})

    def desk(self) -> Desk:
        """Return the form that is open here; Stopped where there is none."""
        if found := self.desk_or_none():
            return found
        raise Stopped(CLOSED)

    def with_token(self, desk: Desk) -> Desk:
        """Return the desk as it may go to the EHR: with a further token where this one has ended."""
        current = self.app.current(desk)
        return desk if current is desk else self.keep(current)

    def desk_or_none(self) -> Desk | None:
        held = self._held()
        return Desk.from_json(held["desk"]) if "desk" in held else None

    def keep(self, desk: Desk) -> Desk:
        self.app.desks.write(browser.key() or "", {"desk": desk.to_json()})
        return desk

    def saved(self, desk: Desk, status: str) -> Desk:
        """Save the form to the EHR and put it back as it is then; Stopped."""
        trying = self.keep(self.app.outcomes.trying(self.with_token(desk)))
        return self.keep(self.app.outcomes.save(trying, status))

    def open(self, found: Found) -> Desk:
        return self.keep_both(*self.app.forms.open(found))

    def keep_both(self, desk: Desk, kit: Kit) -> Desk:
        self.app.desks.write(browser.key() or "", kit.to_json(), KIT)
        return self.keep(desk)

    def kit(self) -> Kit:
        """Return what came with the form that is open here; Stopped."""
        held = self.app.desks.read(browser.key(), KIT)
        if not held:
            raise Stopped(CLOSED)
        return Kit.from_json(held)

    def next_turn(self) -> int:
        """Let the window that is opened now go on with the form, and no earlier one; return what it says of itself."""
        turn = self._turn() + 1
        self.app.desks.write(browser.key() or "", {"turn": turn}, TURN)
        return turn

    def _turn(self) -> int:
        return int(self.app.desks.read(browser.key(), TURN).get("turn", 0))

    def answered(self, sent: dict) -> Desk:
        """Take what stands on the page to the desk, with all that follows from it; AlreadySent, Stopped."""
        desk = self.desk()
        if desk.completed_at:
            raise AlreadySent
        if sent.get("turn") not in (None, self._turn()):
            raise Stopped(ELSEWHERE)
        desk = desk.answered(sent)
        return self.keep(self.app.forms.followed(desk, self.kit()) if desk.is_live else desk)

    def _held(self) -> dict:
        return self.app.desks.read(browser.key())
