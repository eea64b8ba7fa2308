"""Dashboards are what Grafana takes, and ask for figures that the program shows."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from tests.architecture.source import ROOT

FILES = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
_FROM_PROMETHEUS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
_UNITS = {"bytes", "currencyUSD", "ops", "percentunit", "reqps", "s", "short"}


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / f"{name}.json").read_text())
    return found


NAMES = [file.stem for file in FILES]


def test_there_are_the_five() -> None:
    assert NAMES == ["converto-ai", "converto-billing", "converto-events", "converto-ocr", "converto-overview"]


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_has_what_grafana_needs(name: str) -> None:
    board = read(name)

    assert (board["uid"], board["schemaVersion"] >= 39, board["editable"]) == (name, True, False)
    assert len({panel["id"] for panel in board["panels"]}) == len({panel["title"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        assert panel["type"] in {"timeseries", "stat"}
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS
        references = [target["refId"] for target in panel["targets"]]
        assert references == sorted(set(references)) != []


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_lies_upon_another(name: str) -> None:
    places = [panel["gridPos"] for panel in read(name)["panels"]]

    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@pytest.mark.parametrize("name", NAMES)
def test_panels_ask_for_figures_that_the_program_shows(name: str) -> None:
    asked = {
        figure
        for panel in read(name)["panels"]
        for target in panel["targets"]
        for figure in re.findall(r"\b(converto_\w+|process_\w+|up(?={))", target["expr"])
    }
    program = "".join(file.read_text() for file in (ROOT / "converto").rglob("*.py"))
    families = {re.sub(r"_(total|bucket|sum|count)$", "", figure) for figure in asked - _FROM_PROMETHEUS}

    assert families
    assert [figure for figure in sorted(families) if not re.search(rf'"{figure}(_total)?"', program)] == []
