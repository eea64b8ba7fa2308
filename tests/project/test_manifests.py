"""What is deployed is written as its tools want it: the Dockerfile, and the manifests of Kubernetes."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate.utils import ValidationError, all_versions, validate

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"
TOOLS = Path(sys.executable).parent
NEWEST = sorted({tuple(map(int, version.split("."))) for version in all_versions()}, reverse=True)[:3]
VERSIONS = [".".join(map(str, version)) for version in NEWEST]
"""Of Kubernetes: the three that its makers keep."""


def test_the_dockerfile_is_as_hadolint_wants_it() -> None:
    done = subprocess.run([TOOLS / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_by_the_strict_schemas(version: str) -> None:
    manifests = [manifest for overlay in OVERLAYS.iterdir() for manifest in built(overlay.name)]
    different = {yaml.safe_dump(manifest): manifest for manifest in manifests}
    assert {validate(manifest, version, strict=True) for manifest in different.values()} == {version.rpartition(".")[0]}


def test_a_manifest_with_a_word_that_no_schema_has_is_found() -> None:
    (gateway,) = [manifest for manifest in built("small") if manifest["kind"] == "Deployment" and manifest["metadata"]["name"] == "gateway"]
    with pytest.raises(ValidationError, match="replcas"):
        validate({**gateway, "spec": {**gateway["spec"], "replcas": 2}}, VERSIONS[0], strict=True)


@pytest.mark.parametrize("overlay", ["production", "small"])
def test_an_overlay_holds_every_module_with_what_keeps_it_well(overlay: str) -> None:
    deployments = [manifest for manifest in built(overlay) if manifest["kind"] == "Deployment"]
    lives = {name for deployment in deployments for name in _environment(deployment)["CONVERTO_MODULES"].split(",")}
    assert lives == {"gateway", "auth", "ocr", "events", "webhooks", "ai", "vision", "billing", "vat"}
    for deployment in deployments:
        container = _container(deployment)
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), deployment["metadata"]["name"]
        assert {"limits", "requests"} <= set(container["resources"]), deployment["metadata"]["name"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, deployment["metadata"]["name"]


def test_readers_are_scaled_by_the_line_before_them() -> None:
    (scaler,) = [manifest for manifest in built("production") if manifest["kind"] == "HorizontalPodAutoscaler"]
    (metric,) = scaler["spec"]["metrics"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == "ocr-service"
    assert metric["external"]["metric"]["selector"]["matchLabels"]["subscriber"] == "ocr.read_scan"


@cache
def built(overlay: str) -> Sequence[Mapping[str, Any]]:
    """Return the manifests of an overlay, as they would be applied."""
    done = subprocess.run([TOOLS / "kubectl", "kustomize", OVERLAYS / overlay], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def _container(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    found: Mapping[str, Any] = container
    return found


def _environment(deployment: Mapping[str, Any]) -> Mapping[str, str]:
    return {each["name"]: each["value"] for each in _container(deployment).get("env", ()) if "value" in each}
