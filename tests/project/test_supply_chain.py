"""What the product is made of: nothing that runs by itself, and no licence that nobody has read."""

import importlib.metadata
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
RUNS_BY_ITSELF = re.compile(r"\.pth$|(^|/)(site|user)customize\.py$")
FREE = re.compile(
    r"MIT(-0|-CMU)?|BSD(-[23]-Clause)?|0BSD|Apache-2\.0|ISC|PSF-2\.0|Zlib|CC0-1\.0"
    r"|(MIT|BSD|ISC|3-Clause BSD|Apache Software|Python Software Foundation)( License)?"
)
"""Licences that ask for their text to be kept, and no more."""
READ = {
    "certifi": "MPL 2.0: a list of certificates, used unchanged",
    "orjson": "MPL 2.0: used unchanged",
    "pi-heif": "LGPL 3: a library of its own, which the user may exchange",
    "python-stdnum": "LGPL 2.1: a library of its own, which the user may exchange",
    "tqdm": "MPL 2.0: used unchanged",
}
"""Packages under other licences, and why they may be used."""


@pytest.fixture(scope="module")
def bill() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bill_of_materials", ROOT / "scripts" / "bill_of_materials.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_no_package_brings_code_that_runs_when_python_starts(bill: ModuleType) -> None:
    found = []
    for one in bill.locked((ROOT / "requirements.lock").read_text()):
        try:
            files = importlib.metadata.files(one.name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found += [f"{one.name}: {file}" for file in files if RUNS_BY_ITSELF.search(str(file))]
    assert found == []


def test_every_licence_is_free_or_was_read(bill: ModuleType) -> None:
    strange = {}
    for one in bill.locked((ROOT / "requirements.lock").read_text()):
        named = [part.strip(" ()") for part in re.split(r" AND | OR |, | \(", one.licence)]
        if one.name not in READ and not all(FREE.fullmatch(name) for name in named if name not in {"", "ISCL", "dependency licenses"}):
            strange[one.name] = one.licence
    assert strange == {}


def test_the_page_names_what_is_locked(bill: ModuleType) -> None:
    packages = list(bill.locked((ROOT / "requirements.lock").read_text()))
    told = re.findall(r"^\| ([a-z0-9._-]+) \| (\d[^ ]*) \|", (ROOT / "docs" / "licences.md").read_text(), re.MULTILINE)
    assert told == [(one.name, one.version) for one in packages], "run make sbom"


def test_the_bill_of_materials_holds_every_package_with_its_hashes(bill: ModuleType) -> None:
    packages = list(bill.locked((ROOT / "requirements.lock").read_text()))
    document = json.loads(bill.sbom(packages))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    listed = {one["purl"]: len(one["hashes"]) for one in document["components"]}
    assert listed == {f"pkg:pypi/{one.name}@{one.version}": len(set(one.sha256)) for one in packages}
    assert min(listed.values()) > 0
