"""Every fact that the program logs is in the strict template of its log."""

import ast
import json

import pytest

from tests.architecture.source import PROGRAM, ROOT, python_files
from tests.project.log_template import FIELDS, MAPPINGS, faults

_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
# What `**facts` bring along, and what is renamed.
_OTHERWISE = {"exc_info", "message", "failures", "http.request.method", "error.type"}
LINE = {"@timestamp": "2026-11-23T10:00:00.000001Z", "log.level": "info", "event.action": "ocr.finished", "converto.duration_ms": 812}


def logged() -> set[str]:
    """Return the names of all that is logged anywhere in the program."""
    calls = (call for file in python_files(PROGRAM) for call in ast.walk(ast.parse(file.read_text())) if isinstance(call, ast.Call))
    ours = (
        call
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in _LEVELS
        and ast.unparse(call.func.value) in {"log", "structlog.get_logger()"}
    )
    return {named.arg for call in ours for named in call.keywords if named.arg is not None}


def test_the_template_names_all_that_is_logged_and_no_more() -> None:
    names = {name if "." in name else f"converto.{name}" for name in (logged() | _OTHERWISE) - {"exc_info"}}

    assert len(names) > 40
    assert {name for name in FIELDS if name.startswith("converto.")} == {name for name in names if name.startswith("converto.")}
    assert {name for name in names if not name.startswith("converto.")} <= set(FIELDS)


def test_the_template_takes_no_other_field() -> None:
    assert MAPPINGS["dynamic"] == "strict"


@pytest.mark.parametrize(
    "change",
    [
        {"converto.new": "x"},
        {"converto.duration_ms": "812"},
        {"converto.duration_ms": 8.5},
        {"@timestamp": "2026-11-23T10:00:00"},
        {"http.response.status_code": True},
        {"converto.modules": ["ocr", 3]},
        {"converto.scan_id": {"id": "x"}},
    ],
)
def test_a_line_that_elasticsearch_would_refuse_is_found(change: dict[str, object]) -> None:
    assert faults(json.dumps(LINE)) == []
    assert len(faults(json.dumps(LINE | change))) == 1


def test_logstash_is_given_the_template_and_takes_nothing_apart() -> None:
    pipeline = (ROOT / "deploy" / "logstash" / "converto.conf").read_text()

    assert pipeline.count("{") == pipeline.count("}")
    assert "json_lines" in pipeline
    assert "grok" not in pipeline
    assert "template.json" in pipeline
