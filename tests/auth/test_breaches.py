"""Leaked passwords: the service that knows them learns five digits of a hash, and may be away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha1
from pathlib import Path

import pytest
from pydantic import SecretStr

from converto.auth.breaches import breaches_at
from converto.auth.people import WeakPassword
from converto.auth.sign_in.interface import Registration
from tests.auth.conftest import CLIENT, opened

LEAKED = "kolme vihreää tuolia 81"
DIGEST = sha1(LEAKED.encode(), usedforsecurity=False).hexdigest().upper()


@asynccontextmanager
async def service(body: Callable[[str], str], *, status: int = 200) -> AsyncIterator[tuple[str, list[str]]]:
    """Answer as the service of leaked passwords does; gives its address, and what it was asked."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        content = body(asked[-1].split()[1]).encode()
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/range/", asked


async def knows(password: str, answer: str, *, status: int = 200) -> bool:
    async with service(lambda _: answer, status=status) as (url, _), breaches_at(url) as breaches:
        assert breaches is not None
        return await breaches.knows(password)


async def test_a_leaked_password_is_known_by_the_rest_of_its_hash() -> None:
    assert await knows(LEAKED, f"{'0' * 35}:3\r\n{DIGEST[5:]}:42\r\n")
    assert await knows(LEAKED, f"{DIGEST[5:].lower()}:1")


@pytest.mark.parametrize("answer", ["", f"{'0' * 35}:3", f"{DIGEST[5:]}:0", DIGEST[5:], "nonsense", ":" * 100])
async def test_padding_and_other_hashes_are_not_it(answer: str) -> None:
    assert not await knows(LEAKED, answer)


async def test_the_service_learns_five_digits_and_nothing_else() -> None:
    async with service(lambda _: "") as (url, asked), breaches_at(url) as breaches:
        assert breaches is not None
        await breaches.knows(LEAKED)

    (request,) = asked
    assert request.startswith(f"GET /range/{DIGEST[:5]} HTTP/1.1\r\n")
    assert "add-padding: true" in request.lower()
    assert DIGEST[5:10] not in request


async def test_a_service_that_fails_or_is_away_keeps_nobody_from_a_password() -> None:
    assert not await knows(LEAKED, f"{DIGEST[5:]}:42", status=500)
    async with service(lambda _: "") as (url, _):
        pass
    async with breaches_at(url) as breaches:
        assert breaches is not None
        assert not await breaches.knows(LEAKED)


async def test_nobody_registers_with_a_leaked_password(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with service(lambda _: f"{DIGEST[5:]}:42") as (url, _):
        monkeypatch.setenv("CONVERTO_AUTH_BREACH_RANGE_URL", url)
        async with opened(data_dir, None) as house:
            registration = Registration(email="aino@example.fi", password=SecretStr(LEAKED), full_name="Aino Niemi", company_name="Lumo Oy")
            with pytest.raises(WeakPassword, match="leak"):
                await house.auth.register(registration, CLIENT)
