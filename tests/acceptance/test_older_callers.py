"""Rolling upgrade: callees are deployed before callers, so today's services answer the calls of the previous version."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from converto.kernel.config import Environment, Settings
from converto.kernel.event import Envelope
from converto.modules import installed
from tests.acceptance.conftest import RPC_SECRETS, started
from tests.acceptance.older_caller import CONTRACTS, OlderCaller, Shape
from tests.acceptance.people import PASSWORD, sample

EVENTS = {event.type: event for module in installed() for event in module.events}
CALLS: Sequence[tuple[str, str]] = [
    ("auth", "register"), ("auth", "login"), ("auth", "authenticate"), ("auth", "me"), ("auth", "refresh"), ("auth", "key_set"),
    ("ocr", "submit"), ("ocr", "finished"), ("ocr", "scan"), ("ocr", "scans"), ("ocr", "original"), ("ocr", "page_picture"),
    ("ocr", "health"), ("ocr", "retry"), ("ocr", "finished"), ("ocr", "delete"), ("auth", "logout"), ("auth", "logout_all"),
]  # fmt: skip
"""As a person goes through the product: every call uses what the ones before it gave."""


@pytest.fixture
async def older(data_dir: Path) -> AsyncIterator[OlderCaller]:
    """Return a caller of the previous version, and with it everything of today."""
    settings = Settings(environment=Environment.TEST, data_dir=data_dir, rpc_secrets=RPC_SECRETS)
    async with (
        started(settings) as app,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://converto", timeout=60) as http,
    ):
        yield OlderCaller(http, RPC_SECRETS[0])


def test_every_operation_of_the_previous_version_is_called() -> None:
    assert set(CALLS) == {(module, name) for module, contract in CONTRACTS.items() for name in contract["operations"]}


@pytest.mark.parametrize("full", [True, False], ids=["with every argument", "with the required arguments"])
async def test_an_older_caller_is_answered_and_can_read_every_answer(older: OlderCaller, full: bool) -> None:  # noqa: FBT001
    known: dict[str, Any] = {"email": f"{uuid4()}@example.fi", "password": PASSWORD, "filename": "receipt.png", "page": 1, "cursor": None}
    known |= {"content": sample("01-grocery.png"), "wait_s": 40.0, "idempotency_key": str(uuid4()), "languages": "", "status": "completed"}

    for module, operation in CALLS:
        answer = await older.call(module, operation, known, full=full)
        known |= _learnt(operation, answer)

    assert known["total"] == {"amount": "28.63", "currency": "EUR"}


def _learnt(operation: str, answer: Any) -> dict[str, Any]:
    match operation:
        case "register" | "login" | "refresh":
            return {"access_token": answer["access_token"], "refresh_token": answer["refresh_token"]}
        case "authenticate":
            return {"actor": answer}
        case "submit":
            return {"scan_id": answer["id"]}
        case "finished":
            return {"total": answer["fields"]["total"]["value"]}
    return {}


@pytest.mark.parametrize("full", [True, False], ids=["with every field", "with the required fields"])
@pytest.mark.parametrize("kind", sorted(kind for contract in CONTRACTS.values() for kind in contract["events"]))
def test_an_event_that_was_told_by_the_previous_version_is_read(kind: str, full: bool) -> None:  # noqa: FBT001
    told = CONTRACTS[kind.partition(".")[0]]["events"][kind]
    data = Shape(told["data"], {"tenant_id": str(uuid4())}, full=full).example()
    own = {name: value for name, value in data.items() if name not in {"id", "time", "tenant_id"}}

    envelope = Envelope.model_validate(
        {
            "id": str(uuid4()), "type": kind, "source": kind.partition(".")[0], "tenant_id": data["tenant_id"],
            "time": "2026-11-01T12:00:00Z", "trace_parent": "00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-01",
            "version": told["version"], "data": own,
        }
    )  # fmt: skip

    assert envelope.open(EVENTS[kind]).tenant_id == envelope.tenant_id


def test_what_the_previous_version_could_not_read_would_be_seen() -> None:
    schema = CONTRACTS["ocr"]["operations"]["scan"]["result"]
    scan = Shape(schema, {}, full=True).example()
    assert list(Shape(schema, {}, full=True).misfits(scan)) == []
    del scan["filename"]
    wrong = {**scan, "status": "cancelled", "kind": None, "bytes": "7"}
    assert {reason.partition(":")[0] for reason in Shape(schema, {}, full=True).misfits(wrong)} == {
        ".status",
        ".kind",
        ".bytes",
        ".filename",
    }
