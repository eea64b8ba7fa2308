import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
RUN = [*PROJECT["project"]["dependencies"], *EXTRAS["postgres"], *EXTRAS["redis"], *EXTRAS["s3"]]
LOCKS = {
    "requirements.lock": RUN,
    "requirements-dev.lock": [*RUN, *(line for line in EXTRAS["dev"] if not line.startswith("converto["))],
    "requirements-build.lock": PROJECT["dependency-groups"]["build"],
    "requirements-bench.lock": [*RUN, *PROJECT["dependency-groups"]["bench"]],
}
COMPROMISED = {("litellm", "1.82.7"), ("litellm", "1.82.8"), ("litellm", "1.107.0")}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(lock: str) -> None:
    versions = dict(_pins(lock))
    wanted = [requirement for line in LOCKS[lock] if _holds_here(requirement := Requirement(line))]
    unmet = [str(requirement) for requirement in wanted if not requirement.specifier.contains(versions.get(_name(requirement), "0"))]
    assert unmet == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_a_hash_for_each_package(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z])", (ROOT / lock).read_text())
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_compromised_version(lock: str) -> None:
    assert COMPROMISED.isdisjoint(_pins(lock))


@pytest.mark.parametrize("lock", ["requirements-dev.lock", "requirements-bench.lock"])
def test_what_is_tested_and_measured_is_what_runs(lock: str) -> None:
    run, other = dict(_pins("requirements.lock")), dict(_pins(lock))
    assert {name: version for name, version in run.items() if other.get(name) != version} == {}


def _pins(lock: str) -> list[tuple[str, str]]:
    return re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)


def _name(requirement: Requirement) -> str:
    return canonicalize_name(requirement.name)


def _holds_here(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()
