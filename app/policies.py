"""Which policies, lists and forms does this process work with, and how does a changed folder take effect?

::

    folder changes, comes to rest --whole, keeps what was published--> kept, active for all processes
                                  --faulty--> refused, with the reason; what was active stays active
    another process activates     --> this one takes the same, from its own folder or from the database

All or nothing, without restart: a request works with one ``Edition`` from its beginning to its end.
"""

import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.config import Config
from app.gold_cards import FILE as GOLD_CARDS
from app.gold_cards import Cards, read_gold_cards
from app.logging import get_logger
from app.storage import policies as kept
from app.storage.database import Database
from app.storage.policies import Activation, Files
from cql import CqlError
from fhir_r4.problems import Problem
from questionnaires.catalog import Catalog, load_catalog
from questionnaires.drift import drift
from questionnaires.form_faults import form_file_faults
from questionnaires.pages import faults_of_pages
from questionnaires.policy_limits import with_policy_limits
from questionnaires.policy_searches import with_policy_searches
from rules.book import PolicyBook
from rules.entry import Entry
from rules.lists import FILES as LISTS
from rules.lists import read_lists
from rules.load import load_book
from rules.published import unkept
from rules.shelf import Shelf
from rules.yaml_lines import Fault, FaultyFile

log = get_logger()
SHELF = "policy-shelf"
"""Folder in the data folder; it may be emptied at any time, and the next start takes longer."""
_MANY = 500
_LISTS = "lists"  # where the payer's lists are kept beside policies and forms
Stamp = frozenset[tuple[str, int, int]]
"""Path, time of change and size of each file: cheap to look at, and another one when something was changed."""


@dataclass(frozen=True, slots=True)
class Edition:
    """Policies, lists, forms and gold cards that belong together; ``digest`` names their contents."""

    digest: str
    book: PolicyBook
    catalog: Catalog
    gold_cards: Cards = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the folder, as it stands since ``at`` (aware), is not what this process works with."""

    at: datetime
    faults: tuple[Fault, ...]


class ActivePolicies:
    """What is active in this process; changed by ``look`` alone, which one thread calls."""

    def __init__(self, config: Config, database: Database, now: Callable[[], datetime] = clock.now) -> None:
        self._folders = {"policies": config.policies, "forms": config.forms}
        self._data = config.data
        self._shelf = Shelf(config.data / SHELF)
        self._poll = config.policies_poll_seconds
        self._database, self._now = database, now
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="policies", daemon=True)
        self._considered: Stamp | None = None
        self._resting: Stamp | None = None
        self._announced = True  # False: checked against what is active, and about to be made active
        self.refusal: Refusal | None = None
        self.edition = self._first()

    def start(self) -> None:
        """Make what was read at the start the active book, and keep looking."""
        log.info("policies.read", digest=self.edition.digest, count=len(self.edition.book))
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()

    def look(self) -> None:
        """Look once: at this folder, once it has come to rest, and at what other processes made active."""
        self._follow()
        stamp = self._stamp()
        if stamp != self._considered and stamp == self._resting:
            self._consider(stamp)
        self._resting = stamp

    def _first(self) -> Edition:
        """Return the folder's edition; where it is refused, the one that was active before this process began.

        Raises:
            FaultyFile: the folder is faulty and nothing was ever active.
        """
        before = self._active()
        stamp = self._stamp()
        try:
            files = self._read()
            edition = self._loaded_here(kept.digest_of(files))
            if before and before.digest != edition.digest and (published := self._stored(before.digest)):
                _refuse_unkept(published.book, edition.book)
        except FaultyFile as faulty:
            stored = self._stored(before.digest) if before else None
            if stored is None:
                raise
            self._refused(faulty)
            self._considered = self._resting = stamp
            return stored
        self._resting, self._announced = stamp, before is None
        return edition

    def _consider(self, stamp: Stamp) -> None:
        """Take the folder as it is now, or say why not."""
        self._announced = True
        try:
            files = self._read()
            digest = kept.digest_of(files)
            edition = self.edition if digest == self.edition.digest else self._loaded_here(digest)
            _refuse_unkept(self.edition.book, edition.book)
        except FaultyFile as faulty:
            self._refused(faulty)
            self._considered = stamp
            return
        if self._stamp() != stamp:
            return  # changed while it was read: another look
        with self._database.writing() as connection:
            kept.activate(connection, files, self._now())
        self._considered, self.refusal = stamp, None
        self._take(edition)

    def _follow(self) -> None:
        """Take what another process has made active."""
        active = self._active() if self._announced else None
        if active is None or active.digest == self.edition.digest:
            return
        if stored := self._stored(active.digest):
            self._take(stored)

    def _take(self, edition: Edition) -> None:
        if edition is not self.edition:
            self.edition = edition
            log.info("policies.changed", digest=edition.digest, count=len(edition.book))

    def _refused(self, faulty: FaultyFile) -> None:
        self.refusal = Refusal(self._now(), tuple(faulty.faults))
        reasons = [str(fault) for fault in faulty.faults[:5]]
        log.error("policies.refused", count=len(faulty.faults), reason=reasons)

    def _active(self) -> Activation | None:
        """Return what the database says is active; a database that is away says nothing."""
        try:
            with self._database.reading() as connection:
                return kept.active(connection)
        except SQLAlchemyError as error:
            log.warning("database.away", exc_info=error)
            return None

    def _loaded_here(self, digest: str) -> Edition:
        """Return the folders' edition; one without any policy is a wrong name, and would ask for no authorization."""
        policies = self._folders["policies"]
        edition = load_edition(digest, policies, self._folders["forms"], self._data, self._shelf)
        if all(one.line for one in edition.book.entries):  # of the payer's lists alone
            hint = "they are its <id>/<version>.yaml; look at PRIORAUTH_POLICIES"
            raise FaultyFile([Fault(str(policies), 1, "there is no policy in this folder", hint)])
        return edition

    def _stored(self, digest: str) -> Edition | None:
        """Return an edition from the database; None where this version of priorauth cannot read it any more."""
        with self._database.reading() as connection:
            files = kept.files_of(connection, digest)
        try:
            return unpacked(files, self._shelf)
        except FaultyFile as faulty:
            log.warning("policies.unreadable", digest=digest, count=len(faulty.faults))
            return None

    def _stamp(self) -> Stamp:
        found = set()
        for place, file in self._files():
            try:
                status = file.stat()
            except FileNotFoundError:
                continue  # gone in this moment: the next look sees
            found.add((place, status.st_mtime_ns, status.st_size))
        return frozenset(found)

    def _read(self) -> Files:
        try:
            return {place: file.read_bytes() for place, file in self._files()}
        except OSError as error:
            raise FaultyFile([Fault(str(error.filename), 1, "cannot be read")]) from None

    def _files(self) -> list[tuple[str, Path]]:
        beside = ((f"{_LISTS}/{name}", self._data / name) for name in (*LISTS, GOLD_CARDS))
        below = (
            (f"{name}/{file.relative_to(folder).as_posix()}", file)
            for name, folder in self._folders.items()
            for file in sorted(folder.glob("*/*"))
            if not file.name.startswith(".")
        )
        return [(place, file) for place, file in (*beside, *below) if file.is_file()]

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.look()
            except SQLAlchemyError as error:  # what is active stays active
                log.warning("database.away", exc_info=error)
            except Exception as error:
                log.exception("policies.fault", exc_info=error)
            self._ending.wait(self._poll)


def load_edition(digest: str, policies: Path, forms: Path, lists: Path, shelf: Shelf | None = None) -> Edition:
    """Return the edition of three folders; ``shelf`` is where policies are kept once they were checked.

    Args:
        lists: folder that may hold the payer's lists and gold cards; none of them has to be there.

    Raises:
        FaultyFile: any file has a fault, or a policy asks for a form or a question that is not there.
    """
    lines, cards = payers_lists(lists)
    book = load_book(policies, shelf, _told, lists=lines)
    catalog = load_forms(forms, lambda form: with_policy_limits(with_policy_searches(form, book), book))
    if faults := [*form_faults(book, catalog), *_unsafe_pages(catalog)]:
        raise FaultyFile(faults)
    return Edition(digest, book, catalog, cards)


def payers_lists(folder: Path) -> tuple[list[Entry], Cards]:
    """Return the lines of the payer's lists and its gold cards; FaultyFile with every fault of any of them."""
    texts = {name: _text(folder / name) for name in (*LISTS, GOLD_CARDS) if (folder / name).is_file()}
    return read_lists(texts), read_gold_cards(texts[GOLD_CARDS]) if GOLD_CARDS in texts else {}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise FaultyFile([Fault(file.name, 1, "not a text in UTF-8", "save it as CSV UTF-8")]) from None


def _told(count: int, of: int) -> None:
    """Say from time to time how far a large book is read."""
    if of > _MANY and count % _MANY == 0:
        log.info("policies.reading", count=count, of=of)


def unpacked(files: Files, shelf: Shelf | None) -> Edition:
    """Return the edition of these files; FaultyFile as above."""
    with tempfile.TemporaryDirectory(prefix="priorauth-policies-") as folder:
        for place, content in files.items():
            file = Path(folder, place)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        policies, forms, lists = (Path(folder, name) for name in ("policies", "forms", _LISTS))
        return load_edition(kept.digest_of(files), policies, forms, lists, shelf)


def load_forms(folder: Path, completed: Callable[[dict], dict] = lambda form: form) -> Catalog:
    """Return the catalog of a folder; FaultyFile where a file in it is no form."""
    try:
        return load_catalog(folder, completed)
    except (Problem, CqlError, OSError, KeyError, TypeError, ValueError) as error:
        faults = list(form_file_faults(folder))
        raise FaultyFile(faults or [Fault(folder.name, 1, f"cannot be read: {type(error).__name__}")]) from None


def form_faults(book: PolicyBook, catalog: Catalog) -> list[Fault]:
    """Return a fault for each form that a policy asks for and the catalog has not, or in which what the policy weighs
    is not asked, or is of another kind. No policy is opened for this.
    """
    faults = []
    for entry in book.entries:
        if entry.questionnaire is None:
            continue
        try:
            form = catalog.named(entry.questionnaire)
        except KeyError:
            faults.append(Fault(entry.file, 1, f"there is no form {entry.questionnaire}"))
            continue
        faults += [
            Fault(entry.file, 1, f"form {entry.questionnaire}: {say}", "mend the form, or the fact")
            for say in drift(entry.asks, form)
        ]
    return faults


def _unsafe_pages(catalog: Catalog) -> Iterator[Fault]:
    """Yield a fault for each page within a form that may do what a narrative may not (DTR 2.2.0 spec-160)."""
    for form in catalog:
        yield from (Fault(f"{form['id']}/{form['version']}.json", 1, said) for said in faults_of_pages(form))


def _refuse_unkept(before: PolicyBook, after: PolicyBook) -> None:
    if faults := unkept(before, after):
        raise FaultyFile(faults)
