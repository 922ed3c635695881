"""Profiles are worked out when they are first needed, by whichever thread needs them: none sees half of one."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from fhir_r4.problems import Issue
from fhir_r4.profiles.check import Profiles, committed_texts
from tests.fhir_r4.given import REQUEST, a_request, coded

THREADS = 6


def a_request_whose_faults_no_schema_sees() -> dict:
    """An end before its start, an unknown code of a known system, a reference astray, a code not recommended."""
    body = a_request()
    claim, member = body["entry"][0]["resource"], body["entry"][4]["resource"]
    claim["billablePeriod"] = {"start": "2026-02-02", "end": "2026-02-01"}
    claim["type"]["coding"][0]["code"] = "zzz"
    claim["patient"] = {"reference": "Organization/payer"}
    member["identifier"][0]["type"] = coded("http://terminology.hl7.org/CodeSystem/v2-0203", "PC")
    return body


def a_request_with_a_fault() -> dict:
    body = a_request()
    body["entry"][0]["resource"]["item"][0]["colour"] = "blue"
    return body


@pytest.fixture
def _hasty() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize("made", [a_request, a_request_with_a_fault, a_request_whose_faults_no_schema_sees])
def test_threads_that_compile_at_once_find_what_one_alone_finds(made):
    """Each thread is the first to need the profiles of its generation; both generations share what they compile."""
    texts, body = committed_texts(), made()
    alone = [Profiles(texts, generation).check(body, REQUEST) for generation in ("2.0", "2.2")]
    for _ in range(3):
        older = Profiles(texts, "2.0")
        both, together = (older, older.under("2.2")), Barrier(THREADS)

        def first(number: int, both=both, together=together) -> list[Issue]:
            together.wait()
            return both[number % 2].check(body, REQUEST)

        with ThreadPoolExecutor(THREADS) as threads:
            found = list(threads.map(first, range(THREADS)))
        assert found == alone * (THREADS // 2)
