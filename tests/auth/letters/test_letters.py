"""What letters say, when they are written, and that a mail server may be away meanwhile."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select
from structlog.testing import capture_logs

from converto.auth.letters.models import LetterRow
from converto.auth.letters.order import LANGUAGES, Kind, Language, Order, language_of
from converto.auth.letters.texts import PAGES, TEXTS, written
from converto.auth.people import Client
from converto.auth.sign_in.interface import Credentials
from converto.kernel.clock import new_id
from tests.auth.conftest import PASSWORD, House, opened
from tests.kernel.smtp import HOST, MailServer

KINDS: Sequence[Kind] = get_args(Kind)
FACTS = {
    "name": "<b>Aino</b>",
    "email": "uusi@example.fi",
    "at": "2026-11-23 08:00 UTC",
    "device": "Firefox, Linux",
    "address": "192.0.2.7",
    "company": "Lumo Oy",
    "inviter": "Boris",
    "way": "passkey (<b>Puhelin</b>)",
}
PUBLIC_URL = "https://converto.example/app/"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_letter_is_written_in_both_languages_plain_and_as_a_page(kind: Kind, language: Language) -> None:
    token = "cvx_" + "a" * 43 if kind in PAGES else None
    order = Order(kind=kind, to="aino@example.fi", language=language, token=token, facts=FACTS)

    letter = written(order, new_id(), public_url=PUBLIC_URL)

    assert not set("{}") & set(letter.subject + letter.text + letter.html)
    assert "<b>" not in letter.html
    assert (f"https://converto.example/app{PAGES.get(kind)}#token={token}" in letter.text) == (token is not None)
    assert f'lang="{language}"' in letter.html


def test_the_texts_of_both_languages_have_the_same_parts() -> None:
    for texts in TEXTS.values():
        assert len({(len(text.body), bool(text.button)) for text in texts.values()}) == 1


@pytest.mark.parametrize(
    ("accepted", "language"),
    [(None, "fi"), ("", "fi"), ("en-GB,en;q=0.9", "en"), ("sv-FI,sv,fi;q=0.8,en;q=0.5", "fi"), ("de", "fi"), (",;=" * 30, "fi")],
)
def test_a_letter_is_in_the_language_that_the_browser_names_first(accepted: str | None, language: str) -> None:
    assert language_of(accepted, otherwise="fi") == language


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return auth in this process, whose letters begin with an address of their own."""
    async with opened(tmp_path_factory.mktemp("data"), None, public_url=PUBLIC_URL) as house:
        yield house


async def test_a_link_leads_to_the_public_url(home: House) -> None:
    await home.register("aino@example.fi")

    (letter,) = await home.letters("aino@example.fi")

    body = letter.get_body(("plain",))
    assert body is not None
    assert "https://converto.example/app/verify-email#token=cvv_" in body.get_content()


async def test_a_sign_in_on_a_new_device_is_told_once(home: House) -> None:
    await home.register("boris@example.fi")
    elsewhere = Client(address="198.51.100.9", user_agent="Mozilla/5.0 (X11; Linux) Firefox/140.0", language="en")
    for _ in range(2):
        await home.auth.login(Credentials(email="boris@example.fi", password=PASSWORD), elsewhere)
    await home.login("boris@example.fi")

    letters = await home.letters("boris@example.fi")

    assert [letter["subject"] for letter in letters] == ["Vahvista sähköpostiosoitteesi", "A new sign-in to your account"]
    body = letters[1].get_body(("plain",))
    assert body is not None
    assert "Firefox, Linux, address 198.51.100.9" in body.get_content()


async def test_a_known_device_is_known_wherever_it_is(home: House) -> None:
    registered = await home.register("cecilia@example.fi")
    travels = Client(address="203.0.113.5", user_agent="another", device_token=SecretStr(registered.device_token or ""))

    again = await home.auth.login(Credentials(email="cecilia@example.fi", password=PASSWORD), travels)

    assert again.device_token == registered.device_token
    assert len(await home.letters("cecilia@example.fi")) == 1


async def test_a_device_of_somebody_else_is_none_of_yours(home: House) -> None:
    theirs = await home.register("david@example.fi")
    await home.register("eeva@example.fi")
    there = Client(address="203.0.113.6", user_agent="another", device_token=SecretStr(theirs.device_token or ""))

    signed_in = await home.auth.login(Credentials(email="eeva@example.fi", password=PASSWORD), there)

    assert signed_in.device_token not in {None, theirs.device_token}
    assert len(await home.letters("eeva@example.fi")) == 2


async def waiting(house: House) -> int:
    async with house.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(LetterRow)) or 0


async def test_a_letter_waits_while_the_mail_server_is_away_and_goes_out_when_it_is_back(tmp_path: Path) -> None:
    server = MailServer()
    async with server.running() as port:
        pass
    async with opened(tmp_path, None, mail_url=SecretStr(f"smtp+plain://{HOST}:{port}")) as house:
        await house.register("aino@example.fi")
        with pytest.raises(OSError, match="refused"):
            await house.letters("aino@example.fi")
        assert await waiting(house) == 1
        async with server.running():
            await house.letters("aino@example.fi")
            await house.letters("aino@example.fi")

        assert [letter["to"] for letter in server.letters] == ["aino@example.fi"]
        assert await waiting(house) == 0


async def test_a_letter_that_will_never_arrive_is_dropped_and_names_nobody(tmp_path: Path) -> None:
    server = MailServer(refuses="550 <aino@example.fi> is unknown here")
    async with server.running() as port, opened(tmp_path, None, mail_url=SecretStr(f"smtp+plain://{HOST}:{port}")) as house:
        await house.register("aino@example.fi")
        with capture_logs() as logged:
            await house.letters("aino@example.fi")

        assert await waiting(house) == 0
    assert [entry["event"] for entry in logged] == ["auth.letter_undeliverable"]
    assert "aino" not in repr(logged)


async def test_a_letter_moved_to_another_row_does_not_open(home: House) -> None:
    await home.register("fanny@example.fi")
    await home.register("gunnar@example.fi")
    async with home.database.writing() as session:
        one, other = (await session.scalars(select(LetterRow).order_by(LetterRow.written_at.desc()).limit(2))).all()
        one.sealed, other.sealed = other.sealed, one.sealed

    with capture_logs() as logged:
        letters = await home.letters("gunnar@example.fi")

    assert letters == []
    assert {entry["event"] for entry in logged} == {"auth.letter_cannot_be_opened"}
