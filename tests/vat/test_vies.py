"""The EU's register of VAT numbers, over HTTP, as it is described to those who ask it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from converto.kernel.outgoing.asking import Asking
from converto.kernel.outgoing.guard import Guard
from converto.kernel.outgoing.outgoing import Outgoing
from converto.kernel.outgoing.resolver import Resolver
from converto.vat.settings import VatSettings
from converto.vat.validation import Identifier
from converto.vat.vies import Vies
from tests.vat.house import opened, somebody

NUMBER = "FI01120389"


class Register:
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.status, self.body = 200, b""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve, and give the address."""
        async with await asyncio.start_server(self._answer, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rest-api"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(next(line for line in head.lower().splitlines() if line.startswith("content-length")).partition(":")[2])
        self.asked.append((head.split(" ")[1], orjson.loads(await reader.readexactly(length))))
        if self.status:
            writer.write(f"HTTP/1.1 {self.status} x\r\ncontent-length: {len(self.body)}\r\nconnection: close\r\n\r\n".encode() + self.body)
            await writer.drain()
        else:
            await reader.read()  # it says nothing until whoever asked has gone
        writer.close()


@pytest.fixture
def register() -> Register:
    return Register()


async def told(register: Register) -> dict[str, Any]:
    async with register.serving() as url:
        networks = VatSettings(vies_allowed_networks="127.0.0.0/8").vies_allowed_networks
        vies = Vies(url, Asking(Outgoing(Guard(allowed=networks, https_only=False), Resolver(), idle_s=1), timeout_s=0.5))
        try:
            return await vies.told(NUMBER)
        finally:
            await vies.aclose()


async def test_a_registered_number_has_a_name(register: Register) -> None:
    register.body = orjson.dumps({"countryCode": "FI", "vatNumber": NUMBER[2:], "valid": True, "name": "Koe Oyj", "address": "Koekatu 1"})
    assert await told(register) == {"registered": True, "registered_name": "Koe Oyj"}
    assert register.asked == [("/rest-api/check-vat-number", {"countryCode": "FI", "vatNumber": NUMBER[2:]})]


async def test_a_number_that_is_nobodys_is_not_registered(register: Register) -> None:
    register.body = orjson.dumps({"valid": False, "name": "---", "address": "---"})
    assert await told(register) == {"registered": False, "registered_name": None}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"actionSucceed": false, "errorWrappers": [{"error": "MS_UNAVAILABLE"}]}'),
        (200, b"<html>"),
        (200, b'{"valid": "yes"}'),
        (200, b" " * 300_000),
        (500, b""),
        (0, b""),
    ],
)
async def test_a_register_that_is_away_says_nothing_of_a_number(register: Register, status: int, body: bytes) -> None:
    register.status, register.body = status, body
    found = await told(register)
    assert found["registered"] is None
    assert "ask again" in found["registered_detail"]


async def test_a_number_that_holds_is_asked_for_and_no_other(register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register.body = orjson.dumps({"valid": True, "name": "Koe Oyj"})
    async with register.serving() as url:
        monkeypatch.setenv("CONVERTO_VAT_VIES_URL", url)
        monkeypatch.setenv("CONVERTO_VAT_VIES_ALLOWED_NETWORKS", "127.0.0.0/8")
        async with opened(tmp_path) as house:
            aino = somebody()
            wrong = await house.vat.validate(aino, Identifier.VAT_ID, value="FI01120388")
            other = await house.vat.validate(aino, Identifier.BUSINESS_ID, value="112038-9")
            right = await house.vat.validate(aino, Identifier.VAT_ID, value="fi 0112 0389")
    assert (wrong.valid, other.valid, right.valid) == (False, True, True)
    assert right.details["registered_name"] == "Koe Oyj"
    assert "registered" not in {*wrong.details, *other.details}
    assert len(register.asked) == 1


async def test_where_no_register_is_set_nobody_is_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        found = await house.vat.validate(somebody(), Identifier.VAT_ID, value=NUMBER)
    assert found.valid
    assert "registered" not in found.details
