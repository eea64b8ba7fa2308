"""Logs: one JSON line a fact, with ECS names; coloured text on a terminal."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson

from converto.kernel import context as request
from converto.kernel.unloaded import unloaded

with unloaded("rich"):  # to draw tracebacks with every local variable, passwords among them: 4 MB and a twentieth of a second
    import structlog

_SECRET = ("password", "secret", "token", "authorization", "cookie", "api_key")
_ECS = {"level": "log.level", "event": "event.action", "timestamp": "@timestamp", "exception": "error.stack_trace"}
_KEEP = {"event", "level", "timestamp", "exception"}


def _with_request(_: Any, __: str, fact: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    here = request._current.get()  # noqa: SLF001 - a fresh context would invent a trace
    if here is not None:
        fact.setdefault("trace.id", here.trace_id)
        fact.setdefault("http.request.id", here.request_id)
    return fact


def _without_secrets(_: Any, __: str, fact: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in fact:
        if any(word in key.lower() for word in _SECRET):
            fact[key] = "[redacted]"
    return fact


def _as_ecs(_: Any, __: str, fact: MutableMapping[str, Any]) -> str:
    line = {_ECS[key]: fact[key] for key in ("timestamp", "level", "event", "exception") if key in fact}
    line |= {key if "." in key else f"converto.{key}": value for key, value in fact.items() if key not in _KEEP}
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class _ByPackage:
    """Drops what a package tells below its own level; the package is that of the code which tells it."""

    def __init__(self, level: str, levels: Mapping[str, str]) -> None:
        self._level = _number(level)
        # of two packages, one within the other, the inner one is asked first
        self._levels = [(f"{package}.", _number(its)) for package, its in sorted(levels.items(), reverse=True)]

    def __call__(self, _: Any, method: str, fact: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        frame, _name = structlog._frames._find_first_app_frame_and_name(["logging", __name__])  # noqa: SLF001 - as its own CallsiteParameterAdder does
        teller = f"{frame.f_globals.get('__name__', '')}."
        least = next((its for package, its in self._levels if teller.startswith(package)), self._level)
        if _number(method) < least:
            raise structlog.DropEvent
        return fact


def _number(level: str) -> int:
    return int(logging.getLevelNamesMapping().get(level.upper(), logging.ERROR))  # an exception is told of as an error


def configure(*, level: str, log_format: str, levels: Mapping[str, str] | None = None) -> None:
    """Set up logging for this process; everything goes to standard error. `levels` are those of packages that have their own."""
    least = min([level, *(levels or {}).values()], key=_number)
    plain = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    # the plain traceback: the coloured one would print local variables, and so passwords
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    ending: list[Any] = [console] if plain else [structlog.processors.format_exc_info, _as_ecs]
    structlog.configure(
        processors=[
            *([_ByPackage(level, levels)] if levels else []),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_request,
            _without_secrets,
            *ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_number(least)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)


class _Forward(logging.Handler):
    """Passes what libraries log on to our own log."""

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = {"log.logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            facts["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, "library.logged", **facts)
