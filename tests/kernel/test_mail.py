import smtplib
import stat
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.kernel.mail import FolderMail, Letter, Mail, SmtpMail, Undeliverable, WrongMailAddress, open_mail
from tests.kernel.smtp import HOST, MailServer, certificate

SENDER = "Converto <posti@example.fi>"
LETTER = Letter(id=new_id(), to="aino@example.fi", subject="Vahvistä heti", text="Hei, tässä linkki.\n", html="<p>Hei, tässä linkki.</p>")


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a certificate of the mail server that this process trusts."""
    file = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


async def test_a_letter_is_a_file_that_its_owner_alone_may_read(tmp_path: Path) -> None:
    await FolderMail(tmp_path / "mail", sender=SENDER).send(LETTER)

    (file,) = (tmp_path / "mail").iterdir()
    letter = message_from_bytes(file.read_bytes(), policy=default)
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (f"{LETTER.id}.eml", 0o600)
    assert (letter["to"], letter["from"], letter["subject"]) == (LETTER.to, SENDER, LETTER.subject)
    assert [part.get_content().replace("\r\n", "\n") for part in letter.iter_parts()] == [LETTER.text, f"{LETTER.html}\n"]


async def test_a_letter_sent_twice_is_one_letter(tmp_path: Path) -> None:
    mail = FolderMail(tmp_path, sender=SENDER)

    await mail.send(LETTER)
    await mail.send(LETTER)

    assert len(list(tmp_path.iterdir())) == 1


async def test_a_server_takes_a_letter_after_turning_to_tls(trusted: Path) -> None:
    server = MailServer(certificate=trusted)
    async with server.running() as port:
        await SmtpMail(f"smtp://posti%40example.fi:p%3Ass@{HOST}:{port}", sender=SENDER).send(LETTER)

    assert [letter["subject"] for letter in server.letters] == [LETTER.subject]
    assert server.letters[0]["message-id"] == f"<{LETTER.id}@example.fi>"
    assert server.credentials == ["\0posti@example.fi\0p:ss"]
    assert server.in_the_clear == ["EHLO", "STARTTLS"]


async def test_a_server_that_offers_no_tls_is_told_nothing(trusted: Path) -> None:
    server = MailServer(certificate=trusted, offers_tls=False)
    async with server.running() as port:
        with pytest.raises(smtplib.SMTPNotSupportedError):
            await SmtpMail(f"smtp://posti:secret@{HOST}:{port}", sender=SENDER).send(LETTER)

    assert server.in_the_clear == ["EHLO"]


async def test_a_server_that_is_not_who_it_should_be_is_told_nothing(tmp_path: Path) -> None:
    server = MailServer(certificate=certificate(tmp_path))
    async with server.running() as port:
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            await SmtpMail(f"smtp://{HOST}:{port}", sender=SENDER).send(LETTER)

    assert server.letters == []


async def test_a_server_of_the_own_network_may_do_without_tls() -> None:
    server = MailServer()
    async with server.running() as port:
        await SmtpMail(f"smtp+plain://{HOST}:{port}", sender=SENDER).send(LETTER)

    assert len(server.letters) == 1


async def test_what_is_refused_for_ever_is_undeliverable_and_what_is_refused_for_now_is_not() -> None:
    server = MailServer(refuses="550 nobody here")
    async with server.running() as port:
        mail = SmtpMail(f"smtp+plain://{HOST}:{port}", sender=SENDER)
        with pytest.raises(Undeliverable):
            await mail.send(LETTER)
        server.refuses = "451 come back"
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await mail.send(LETTER)


async def test_a_server_that_is_away_fails_the_sending() -> None:
    async with MailServer().running() as port:
        pass

    with pytest.raises(OSError, match="refused"):
        await SmtpMail(f"smtp+plain://{HOST}:{port}", sender=SENDER).send(LETTER)


async def test_nobody_smuggles_a_header_into_a_letter(tmp_path: Path) -> None:
    smuggled = replace(LETTER, subject="Hei\r\nBcc: kaikki@example.fi")

    with pytest.raises(ValueError, match="linefeed"):
        await FolderMail(tmp_path, sender=SENDER).send(smuggled)


@pytest.mark.parametrize(
    ("url", "kind"),
    [(None, FolderMail), ("folder:/tmp/letters", FolderMail), ("smtps://mail.test", SmtpMail), ("smtp://a:b@mail.test:2525", SmtpMail)],
)
def test_the_setting_says_what_takes_letters(tmp_path: Path, url: str | None, kind: type[Mail]) -> None:
    for environment in Environment:
        settings = Settings(data_dir=tmp_path, mail_url=SecretStr(url) if url else None, environment=environment)

        assert isinstance(open_mail(settings), kind)


@pytest.mark.parametrize("url", ["mail.test", "http://mail.test", "smtp://", "smtp://h:99999", "smtp://h:x", "folder:", "smtp://h/path"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(WrongMailAddress, match="CONVERTO_MAIL_URL"):
        open_mail(Settings(data_dir=tmp_path, mail_url=SecretStr(url)))


def test_a_password_is_never_sent_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(WrongMailAddress, match="in the clear"):
        open_mail(Settings(data_dir=tmp_path, mail_url=SecretStr("smtp+plain://a:b@mail.test")))


@pytest.mark.parametrize("url", ["converto.fi", "javascript:alert(1)", "https://a@b.fi", "https://b.fi?x=1", "https://b.fi#x"])
def test_links_begin_with_an_address_of_the_web(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(public_url=url)
