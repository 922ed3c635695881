"""Packages that are damaged, incomplete or refer to what nobody has: named, and the rest still loads."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from app.profiles import FOLDER, compile_all, folder_profiles, read_folder, read_package
from fhir_r4.profiles.check import Profiles
from fhir_r4.profiles.packages import Package
from tests.fhir_r4 import packages

pytestmark = pytest.mark.slow

CORE = "http://hl7.org/fhir/StructureDefinition/"


def element(path: str, **said: object) -> dict:
    base = {"path": path, "min": 0, "max": said.get("max", "1")}
    return {"id": path, "path": path, "min": 0, "max": "1", "base": base, **said}


def a_definition(name: str, *elements: dict, **said: object) -> dict:
    return {
        "resourceType": "StructureDefinition",
        "url": f"{CORE}{name}",
        "version": "4.0.1",
        "type": name,
        "kind": "resource",
        "derivation": "specialization",
        "snapshot": {"element": [element(name), *elements]},
        **said,
    }


def a_package(*definitions: dict, name: str = "hl7.fhir.r4.core", version: str = "4.0.1", **said: object) -> Package:
    return Package(name, version, {}, list(definitions), **said)


def an_archive(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return written.getvalue()


BASIC = a_definition("Basic", element("Basic.author", min=1, type=[{"code": "code"}]))


def test_a_file_that_is_no_json_is_named_and_the_rest_is_read():
    files = {
        "package.json": b'{"name": "x", "version": "1.0.0"}',
        "StructureDefinition-a.json": b"{",
        "StructureDefinition-b.json": json.dumps(BASIC).encode(),
    }
    read = read_package(an_archive(files), "x.tgz")
    assert read.faults == ("x.tgz: package/StructureDefinition-a.json is not a JSON object",)
    assert [definition["type"] for definition in read.definitions] == ["Basic"]


@pytest.mark.parametrize(
    "archive",
    [b"", b"not an archive", an_archive({"package.json": b"{}" * 5000})[:60]],
    ids=["empty", "not an archive", "cut short"],
)
def test_an_archive_that_cannot_be_read_is_named(archive):
    read = read_package(archive, "x.tgz")
    assert read.definitions == []
    assert "damaged" in read.faults[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("min", "1"),
        ("min", -1),
        ("max", 5),
        ("max", "many"),
        ("max", "1" * 5_000),
        ("max", "٣"),
        ("type", {"code": "code"}),
        ("type", [{"code": "Reference", "targetProfile": [None]}]),
        ("binding", []),
        ("slicing", {"discriminator": 5}),
        ("constraint", [5]),
        ("maxLength", True),
    ],
)
def test_an_element_that_says_what_no_element_can_say_is_named_and_the_rest_compiles(name, said):
    odd = a_definition("Odd", element("Odd.part") | {name: said})
    compilation = compile_all([a_package(odd, BASIC)])
    assert compilation.faults == [f"{CORE}Odd: Odd.part has a {name} that is none"]
    assert f"{CORE}Basic|4.0.1" in compilation.facts.profiles


def test_a_definition_without_a_snapshot_is_named_and_the_rest_compiles():
    bare = {"resourceType": "StructureDefinition", "url": f"{CORE}Bare", "version": "1", "type": "Bare"}
    compilation = compile_all([a_package(bare, BASIC)])
    assert compilation.faults == [f"{CORE}Bare has no snapshot"]
    assert f"{CORE}Basic|4.0.1" in compilation.facts.profiles


def test_an_element_before_its_parent_is_named():
    odd = a_definition("Odd", element("Odd.a.b.c"))
    assert compile_all([a_package(odd)]).faults == [f"{CORE}Odd: Odd.a.b.c stands before its parent"]


def test_a_target_that_no_package_holds_is_listed_and_not_checked():
    refers = a_definition(
        "Basic",
        element("Basic.subject", type=[{"code": "Reference", "targetProfile": ["http://example.org/nobody"]}]),
    )
    compilation = compile_all([a_package(refers)])
    assert compilation.facts.missing == {"http://example.org/nobody": {"hl7.fhir.r4.core#4.0.1"}}


def test_a_bare_canonical_means_the_nearest_version():
    """Of its own package first, else of what that depends on, else the newest."""
    old, new = (BASIC | {"version": version} for version in ("4.0.1", "5.0.0"))
    compilation = compile_all([a_package(old), a_package(new, name="x", version="5.0.0")])
    assert compilation.facts.generations[FOLDER][f"{CORE}Basic"].endswith("|5.0.0")


def test_a_folder_is_compiled_once_for_its_content(tmp_path: Path):
    """The second time the facts are read; what was wrong is said again."""
    folder, cache = tmp_path / "packages", tmp_path / "cache"
    folder.mkdir()
    files = {"package.json": b'{"name": "hl7.fhir.r4.core", "version": "4.0.1"}', "a.json": json.dumps(BASIC).encode()}
    (folder / "a.tgz").write_bytes(an_archive(files))
    (folder / "b.tgz").write_bytes(b"damaged")
    first, faults = folder_profiles(folder, cache)
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    second, again = folder_profiles(folder, cache)
    assert faults == again == ("b.tgz: not a package archive, or damaged (ReadError)",)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    for profiles in (first, second):
        assert [issue.expression for issue in profiles.check({"resourceType": "Basic"})] == ["Basic.author"]


@packages.needs_packages
def test_every_published_package_compiles():
    """All packages beside the project, every definition: nothing is left out."""
    compilation = compile_all(read_folder(packages.FOLDER))
    assert compilation.faults == []
    assert len(compilation.facts.profiles) > 2000
    profiles = Profiles(compilation.facts.written(), FOLDER)
    for key in profiles.definitions.keys:
        profile = profiles.definitions.profile(key)
        assert profile is not None
        assert (
            profiles.definitions.root(profile).children
            or profile.kind in ("primitive-type", "logical")
            or profile.abstract
        )
