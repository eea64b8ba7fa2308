"""Alerts are about figures that the program shows, fire and do not fire in a test of their own, and say what to do."""

import re

import pytest

from tests.architecture.source import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES = (FOLDER / "alerts.yml").read_text()
CASES = (FOLDER / "alerts_test.yml").read_text()
ALERTS = re.findall(r"- alert: (\w+)", RULES)
_FROM_PROMETHEUS = {"up", "process_resident_memory_bytes"}


def test_there_are_alerts() -> None:
    assert len(ALERTS) == len(set(ALERTS)) >= 10


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    assert re.search(rf"- name: {alert} fires\n(?:(?!- name).)*alertname: {alert}\n\s+exp_alerts:\n", CASES, re.DOTALL)
    assert re.search(rf"- name: {alert} does not fire(?:(?!- name).)*alertname: {alert}, exp_alerts: \[\]", CASES, re.DOTALL)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_where_it_is_written_what_to_do(alert: str) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()

    assert f"runbook: docs/operations.md#{alert.lower()}\n" in RULES
    assert re.search(rf"^### {alert}\n\w", page, re.MULTILINE)


def test_alerts_are_about_figures_that_the_program_shows() -> None:
    asked = set(re.findall(r"\b(converto_\w+|up|process_\w+)\{", RULES)) | set(re.findall(r"\b(converto_\w+)\)", RULES))
    program = "".join(file.read_text() for file in (ROOT / "converto").rglob("*.py"))

    families = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in asked - _FROM_PROMETHEUS}
    assert families
    assert [name for name in sorted(families) if not re.search(rf'"{name}(_total)?"', program)] == []
