"""An EHR that takes its time: every search is answered after so many milliseconds. ``python -m bench.slow_ehr 8200 50``

It has one patient with five results of each kind; whoever asks may read.
"""

import json
import sys
import time
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

RESULTS = 5
SYSTEM = "https://bench.example.org/results"


def results(code: str, patient: str) -> list[dict]:
    """Return the newest results of a code, the newest first."""
    return [
        {
            "resourceType": "Observation",
            "id": f"{code}-{number}",
            "status": "final",
            "code": {"coding": [{"system": SYSTEM, "code": code}], "text": f"Result {code}"},
            "subject": {"reference": f"Patient/{patient}"},
            "effectiveDateTime": (date(2026, 3, 1) - timedelta(days=number)).isoformat(),
            "valueQuantity": {
                "value": 10 * ord(code[-1]) + number,
                "unit": "mg/dL",
                "system": "http://unitsofmeasure.org",
                "code": "mg/dL",
            },
        }
        for number in range(RESULTS)
    ]


def searchset(query: str) -> dict:
    """Return what a search by patient and code finds."""
    asked = parse_qs(query)
    code = asked["code"][0].rpartition("|")[2]
    entries = [{"resource": one, "search": {"mode": "match"}} for one in results(code, asked["patient"][0])]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def serve(port: int, milliseconds: float) -> None:
    """Serve on loopback until stopped."""

    class Ehr(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            searched = asked.path != "/ready"
            if searched:
                time.sleep(milliseconds / 1000)
            body = json.dumps(searchset(asked.query) if searched else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Ehr).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]))
