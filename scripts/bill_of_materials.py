"""What the product is made of, each locked package with its licence and hashes: CycloneDX in build, and docs/licences.md for people."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).parents[1]
LOCK, PAGE, SBOM = ROOT / "requirements.lock", ROOT / "docs" / "licences.md", ROOT / "build" / "sbom.cdx.json"
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)(?P<rest>(?:.*\\\n)*.*)$", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_MARKER = re.compile(r"^\s*;\s*([^\\\n]+?)\s*\\?$", re.MULTILINE)
_INTRODUCTION = """\
# Licences

What `requirements.lock` names, which is what the image holds beside Debian's own packages. Made by `make sbom`, which also writes
`build/sbom.cdx.json` (CycloneDX 1.6, with the hashes of the lock). Of a package that only other systems need the line says where.

| package | version | licence |
|---|---|---|
"""


@dataclass(frozen=True)
class Package:
    """One package of the lock."""

    name: str
    version: str
    sha256: tuple[str, ...]
    marker: str

    @property
    def licence(self) -> str:
        """Give its licence as its own metadata names it; empty where it is not installed here."""
        try:
            metadata = importlib.metadata.metadata(self.name)
        except importlib.metadata.PackageNotFoundError:
            return ""
        classified = [entry.rpartition(" :: ")[2] for entry in metadata.get_all("Classifier") or () if entry.startswith("License :: ")]
        expression, told = ((metadata.get_all(name) or [""])[0] for name in ("License-Expression", "License"))
        return expression or ", ".join(name for name in classified if name != "OSI Approved") or told.strip().partition("\n")[0]


def locked(text: str) -> Iterator[Package]:
    """Yield the packages of a lock in its order."""
    for found in _PINNED.finditer(text):
        marker = _MARKER.search(found["rest"])
        yield Package(found["name"], found["version"], tuple(_HASH.findall(found["rest"])), marker[1] if marker else "")


def page(packages: list[Package]) -> str:
    """Return the page for people."""
    rows = (f"| {one.name} | {one.version} | {one.licence or f'needed where {one.marker}'} |" for one in packages)
    return _INTRODUCTION + "\n".join(rows) + "\n"


def sbom(packages: list[Package]) -> str:
    """Return the CycloneDX document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licences = LicenseFactory()
    bom = Bom()
    bom.metadata.component = product = Component(
        name=project["name"], version=importlib.metadata.version(project["name"]), type=ComponentType.APPLICATION, bom_ref=project["name"]
    )
    for one in packages:
        url = PackageURL("pypi", name=one.name.lower(), version=one.version)
        component = Component(
            name=one.name,
            version=one.version,
            type=ComponentType.LIBRARY,
            purl=url,
            bom_ref=str(url),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in one.sha256],
            licenses=[licences.make_from_string(one.licence)] if one.licence else [],
        )
        bom.components.add(component)
        bom.register_dependency(product, [component])
    return JsonV1Dot6(bom).output_as_string(indent=1)


def main() -> None:
    """Write both."""
    packages = list(locked(LOCK.read_text(encoding="utf-8")))
    PAGE.write_text(page(packages), encoding="utf-8")
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(sbom(packages), encoding="utf-8")
    print(f"{len(packages)} packages: {SBOM.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
