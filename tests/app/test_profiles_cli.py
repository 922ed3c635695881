"""``profiles compile`` and ``validate`` tell people what is wrong, and end with an exit code for scripts."""

import json
from pathlib import Path

from click.testing import CliRunner

from app.profiles_cli import profiles, validate
from tests.fhir_r4.given import a_member, a_request
from tests.fhir_r4.test_packages import BASIC, an_archive


def run(command, *words: str):
    return CliRunner().invoke(command, list(words))


def write(folder: Path, body: object) -> str:
    path = folder / "body.json"
    path.write_text(json.dumps(body))
    return str(path)


def test_a_good_file_ends_with_zero(tmp_path: Path):
    done = run(validate, write(tmp_path, a_request()), "--generation", "2.0")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "0 errors, 0 warnings")


def test_a_bad_file_ends_with_one_and_names_the_element(tmp_path: Path):
    member = a_member()
    del member["name"]
    done = run(validate, write(tmp_path, member), "--generation", "2.0", "--open")
    assert done.exit_code == 1
    assert "error       Patient.name: expected at least 1 [required]" in done.output


def test_a_kind_of_resource_that_there_is_not_is_said(tmp_path: Path):
    done = run(validate, write(tmp_path, {"resourceType": "Nonsense"}))
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert "expected a resource of FHIR R4" in done.output
    assert "no such resource" in done.output


def test_what_is_no_json_is_said(tmp_path: Path):
    (tmp_path / "body.json").write_text("{")
    done = run(validate, str(tmp_path / "body.json"))
    assert done.exit_code == 1
    assert "body.json: not JSON" in done.output


def test_an_unknown_profile_is_a_mistake_of_the_caller(tmp_path: Path):
    done = run(validate, write(tmp_path, a_member()), "--profile", "http://example.org/nothing")
    assert done.exit_code == 2
    assert "no such profile" in done.output


def test_packages_are_compiled_and_what_is_damaged_is_named(tmp_path: Path):
    files = {"package.json": b'{"name": "hl7.fhir.r4.core", "version": "4.0.1"}', "a.json": json.dumps(BASIC).encode()}
    (tmp_path / "a.tgz").write_bytes(an_archive(files))
    (tmp_path / "b.tgz").write_bytes(b"damaged")
    done = run(profiles, "compile", str(tmp_path), "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert "left out: b.tgz: not a package archive, or damaged" in done.output
    assert "1 definitions" in done.output
    body = write(tmp_path, {"resourceType": "Basic"})
    checked = run(validate, body, "--packages", str(tmp_path), "--cache", str(tmp_path / "cache"))
    assert "Basic.author: expected" in checked.output
