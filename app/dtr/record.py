"""How does the app read the EHR's record, and write the form back into it? With the launch's token, in parallel."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.clients.ehr import HttpEhr
from app.clients.outbound import Door
from app.dtr.saving import Saving
from app.dtr.told import Teller, Told
from rules.ports import EhrUnavailable, Part

READ_SECONDS = 10.0
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Record:
    """One patient's record in one EHR, for one launch."""

    door: Door
    iss: str
    token: str
    tell: Teller

    def __repr__(self) -> str:
        return f"Record({self.iss!r})"

    def ehr(self) -> HttpEhr:
        """Return a reader whose reads are all done within READ_SECONDS from now."""
        deadline = time.monotonic() + READ_SECONDS
        return HttpEhr(self.door, self.iss, self.token, allowed=[self.iss], deadline=deadline)

    def read(self, wanted: Mapping[str, str]) -> dict[str, dict]:
        """Return the resources by name, read in parallel; EhrUnavailable where one cannot be had."""
        ehr = self.ehr()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(ehr.read, wanted.values()), strict=True))

    def given(self, references: Iterable[str]) -> dict[str, dict]:
        """Return by reference what the EHR gives of these, read in parallel; what it does not give is left out."""
        ehr, wanted = self.ehr(), dict.fromkeys(references)

        def held(target: str) -> dict:
            try:
                return ehr.read(target)
            except EhrUnavailable:
                return {}

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return {target: one for target, one in zip(wanted, pool.map(held, wanted), strict=True) if one}

    def search(self, wanted: Mapping[str, str]) -> tuple[dict[str, dict], dict[str, str]]:
        """Return what the searches found, each as a searchset, and by name those that were not answered whole."""
        ehr = self.ehr()
        refused: dict[str, str] = {}

        def searched(name: str) -> dict:
            query, started = wanted[name], time.perf_counter()
            try:
                matches, status = ehr.search(query), 200
            except EhrUnavailable:
                matches, status = Part(), 0
            if isinstance(matches, Part):
                refused[name] = query.partition("?")[0]
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            what = f"search {query.partition('?')[0]} for the form"
            self.tell(Told("EHR", "GET", query.partition("?")[0], what, status, milliseconds, {"found": len(matches)}))
            return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in matches]}

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(searched, wanted), strict=True)), refused

    def save(self, resource: dict, what: str, *, again: bool = False) -> dict:
        """Create or update a resource and return it as the EHR keeps it.

        Args:
            what: for whoever tells the story, ``save the completed form``.
            again: an earlier try may have come through unheard.

        Raises:
            EhrUnavailable: and what it is more closely, ``saving.NoLongerAllowed`` or ``saving.ChangedMeanwhile``.
        """
        return Saving(self.door, self.iss, self.token, self.tell, self.ehr, what, again).save(resource)
