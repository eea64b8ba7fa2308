"""What is logged, by a process of its own: logging is set up once for a whole process."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, sys, structlog
from converto.kernel.context import Context, within
from converto.kernel.log import configure
configure(level=sys.argv[1], log_format=sys.argv[2])
log = structlog.get_logger()
context = Context(request_id="r1", trace_parent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
with within(context):
    log.info("ocr.document_read", pages=3, password="hunter2", refresh_token="hunter2", **{"http.request.header.Authorization": "hunter2"})
log.debug("not.wanted")
logging.getLogger("a.library").warning("of a %s", "library")
password = "hunter2"
try:
    raise LookupError("no page")
except LookupError:
    log.exception("ocr.failed")
"""


def logged(log_format: str, level: str = "info") -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM, level, log_format], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged("json").splitlines()]


def test_a_fact_is_one_line_of_json_with_ecs_names(facts: list[dict[str, Any]]) -> None:
    assert {key: facts[0][key] for key in ("event.action", "log.level", "converto.pages")} == {
        "event.action": "ocr.document_read",
        "log.level": "info",
        "converto.pages": 3,
    }
    assert facts[0]["@timestamp"].endswith("Z")


def test_a_fact_bears_its_request_and_trace(facts: list[dict[str, Any]]) -> None:
    assert (facts[0]["http.request.id"], facts[0]["trace.id"]) == ("r1", "a" * 32)


def test_a_fact_outside_any_request_bears_neither(facts: list[dict[str, Any]]) -> None:
    assert not {"http.request.id", "trace.id"} & set(facts[1])


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_secrets_are_never_logged_not_even_with_a_traceback(log_format: str) -> None:
    assert "hunter2" not in logged(log_format).replace('password = "hunter2"', "")


def test_what_is_below_the_level_is_not_logged(facts: list[dict[str, Any]]) -> None:
    assert "not.wanted" not in {fact["event.action"] for fact in facts}


def test_what_libraries_log_joins_ours(facts: list[dict[str, Any]]) -> None:
    (fact,) = [fact for fact in facts if fact["event.action"] == "library.logged"]
    assert (fact["log.logger"], fact["converto.message"], fact["log.level"]) == ("a.library", "of a library", "warning")


def test_an_exception_is_logged_with_its_trace(facts: list[dict[str, Any]]) -> None:
    assert "LookupError: no page" in facts[-1]["error.stack_trace"]
