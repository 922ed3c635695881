"""What docs/trying-it.md tells a tester comes out so: a policy and a list of their own, and who is not known."""

import json
import re
import tarfile

import pytest

from fhir_r4.systems import REQUESTED_SERVICE
from prior_auth.submission import read_submission
from tests.app.test_least_requests import needs_packages
from tests.app.test_policies import folder, looks  # noqa: F401 a fixture
from tests.app.test_updates import answered, code_of
from tests.given import ROOT, a_form_response, a_submission_bundle, entry
from tests.must_support import GUIDES, PACKAGES

PAGE = (ROOT / "docs" / "trying-it.md").read_text("utf-8")


def written(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.mark.parametrize(
    ("code", "action"), [("G0154", "A1"), ("B4185", "A3"), ("E0240", "A3"), ("E0424", "A4"), ("A0428", "NA")]
)
def test_each_code_of_the_page_has_its_outcome(house, folder, code, action):  # noqa: F811 the fixture
    (folder / "nursing-visits").mkdir()
    (folder / "nursing-visits" / "1.yaml").write_text(written("yaml"))
    (house.config.data / "plan-exclusions.csv").write_text(written("csv"))
    looks(house)
    bundle = a_submission_bundle(form=a_form_response({"2.1": None}))
    item = entry(bundle, "Claim")["item"][0]
    item["productOrService"]["coding"][0]["code"] = code
    item["extension"] = [one for one in item["extension"] if one["url"] != REQUESTED_SERVICE]
    for version in ("2.0", "2.2"):
        bundle["identifier"] = bundle["identifier"] | {"value": f"{code}-{version}"}
        item["servicedDate"] = {"2.0": "2026-04-01", "2.2": "2027-04-01"}[version]
        (told,) = answered(house.submit(bundle, version), version)["item"]
        assert code_of(told) == action


@needs_packages
@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_the_members_of_the_guides_examples_are_those_that_the_page_names(version):
    with tarfile.open(PACKAGES / GUIDES[version]) as files:
        example = json.load(files.extractfile("package/example/Bundle-HomecareAuthorizationBundleExample.json"))
    (number,) = read_submission(example, lenient=True).member_ids
    assert f"`{number}`" in PAGE
