"""How does a package archive become definitions, and definitions facts on disk?"""

import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import orjson

from fhir_r4.profiles.check import FILES, Profiles
from fhir_r4.profiles.packages import Compilation, Package, compiled

GENERATIONS: Mapping[str, Sequence[str]] = {  # what each FHIR base of ours follows, most particular first
    "2.0": (
        "hl7.fhir.us.davinci-pas#2.0.1",
        "hl7.fhir.us.davinci-crd#2.0.1",
        "hl7.fhir.us.davinci-dtr#2.0.1",
        "hl7.fhir.uv.subscriptions-backport.r4#1.1.0",
    ),
    "2.2": (
        "hl7.fhir.us.davinci-pas#2.2.1",
        "hl7.fhir.us.davinci-crd#2.2.1",
        "hl7.fhir.us.davinci-dtr#2.2.0",
        "hl7.fhir.uv.subscriptions-backport.r4#1.1.0",
    ),
}
FOLDER = "folder"  # the generation of a folder of packages: the newest of each guide

_FORMAT = b"1"  # of what is cached; raise it when the compiler writes something else
_KINDS = frozenset({"StructureDefinition", "ValueSet", "CodeSystem"})
_MAX_FILE = 64 * 2**20
_MAX_PACKAGE = 512 * 2**20


def read_package(archive: bytes, name: str) -> Package:
    """Return the definitions of an npm-style FHIR package; ``name`` is what it is called in messages.

    A file that is not JSON is a fault of the package and the rest is read; an archive that cannot be read to its
    end gives what came before, and a fault that says so.
    """
    manifest: dict = {}
    definitions: list[dict] = []
    faults: list[str] = []
    left = _MAX_PACKAGE
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            for member in files:
                if not (member.isfile() and member.name.endswith(".json") and member.name.count("/") == 1):
                    continue
                left -= member.size
                if member.size > _MAX_FILE or left < 0:
                    faults.append(f"{name}: {member.name} is larger than a package may be")
                    break
                value = _json(files, member)
                if not isinstance(value, dict):
                    faults.append(f"{name}: {member.name} is not a JSON object")
                elif member.name.endswith("/package.json"):
                    manifest = value
                elif value.get("resourceType") in _KINDS:
                    definitions.append(value)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        faults.append(f"{name}: not a package archive, or damaged ({type(error).__name__})")
    return Package(
        name=str(manifest.get("name", name)),
        version=str(manifest.get("version", "")),
        dependencies={k: str(v) for k, v in (manifest.get("dependencies") or {}).items()},
        definitions=definitions,
        faults=tuple(faults),
    )


def _json(files: tarfile.TarFile, member: tarfile.TarInfo) -> object:
    opened = files.extractfile(member)
    try:
        return orjson.loads(opened.read()) if opened else None
    except orjson.JSONDecodeError:
        return None


def read_folder(folder: Path) -> list[Package]:
    """Return every package of a folder of ``.tgz`` files, in the order of their names."""
    return [read_package(path.read_bytes(), path.name) for path in sorted(folder.glob("*.tgz"))]


def examples(archive: bytes) -> Iterable[tuple[str, bytes]]:
    """Yield the examples of a package, in the order of their names: file name and bytes."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        for member in files:
            opened = files.extractfile(member) if member.isfile() and "/example" in member.name else None
            if opened is not None and member.name.endswith(".json"):
                found[member.name.rpartition("/")[2]] = opened.read()
    yield from sorted(found.items())


def claims(archive: bytes) -> dict[str, str]:
    """Return the profile that a guide publishes each example for: ``Type/id`` -> canonical."""
    found: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        for member in files:
            if "ImplementationGuide-" in member.name and (guide := _json(files, member)) and isinstance(guide, dict):
                for resource in guide.get("definition", {}).get("resource", []):
                    if canonical := resource.get("exampleCanonical"):
                        found[resource["reference"]["reference"]] = canonical
    return found


def write(compilation: Compilation, folder: Path) -> None:
    """Write the facts of a compilation to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in compilation.facts.written().items():
        (folder / name).write_bytes(text)


def folder_profiles(folder: Path, cache: Path) -> tuple[Profiles, tuple[str, ...]]:
    """Return the profiles of a folder of packages, and what was wrong with these.

    Compiled once for each content of the folder and kept under ``cache``; what is damaged is left out and named.
    """
    archives = sorted(folder.glob("*.tgz"))
    digest = hashlib.sha256(_FORMAT)
    for path in archives:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    kept = cache / digest.hexdigest()[:32]
    if not (kept / "faults.json").exists():
        compilation = compile_all(read_folder(folder))
        write(compilation, kept)
        (kept / "faults.json").write_bytes(orjson.dumps(compilation.faults))
    texts = {name: (kept / name).read_bytes() for name in FILES}
    return Profiles(texts, FOLDER), tuple(orjson.loads((kept / "faults.json").read_bytes()))


def compile_all(packages: Sequence[Package]) -> Compilation:
    """Compile every definition; a bare canonical of an instance means the newest guide that has it."""
    newest_first = sorted(packages, key=lambda p: [int(n) if n.isdigit() else 0 for n in p.version.split(".")])[::-1]
    guides = [package.id for package in newest_first if "core" not in package.name.split(".")[-1:]]
    return compiled(packages, {FOLDER: guides}, reach=False)


def compile_committed(packages: Sequence[Package]) -> Compilation:
    """Compile what our operations reach, for both generations."""
    return compiled(packages, GENERATIONS, reach=True)
