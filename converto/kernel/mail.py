"""Letters to people: handed to a mail server in production, laid in a folder where none is set."""

import asyncio
import os
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import UUID

import structlog

from converto.kernel.clock import now
from converto.kernel.config import Environment, Settings

FOLDER: Final = "mail"
TIMEOUT_S: Final = 20.0
PORTS: Final[Mapping[str, int]] = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
"""`smtp` turns to TLS before anything is said (STARTTLS), `smtps` begins with it, `smtp+plain` does without."""
_FOR_EVER: Final = range(500, 600)
log = structlog.get_logger()


class Undeliverable(Exception):
    """The server says that this letter will never arrive: another try is in vain."""


class WrongMailAddress(ValueError):
    """CONVERTO_MAIL_URL names nothing that takes letters; the message is one sentence that says what to set."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to one person. The same id means the same letter, however often it is sent."""

    id: UUID
    to: str
    subject: str
    text: str
    html: str


class Mail(Protocol):
    """What takes letters."""

    async def send(self, letter: Letter) -> None:
        """Hand a letter over. Raises Undeliverable where it will never arrive, OSError or SMTPException where it may, later."""
        ...


class FolderMail:
    """Letters as .eml files, which any mail program opens: the default, to try things out."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self.folder = folder
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        """Write the file whole or not at all; only its owner may read it."""
        await asyncio.to_thread(self._write, letter)

    def _write(self, letter: Letter) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.folder / f".{letter.id}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_bytes(_message(letter, self._sender).as_bytes())
        draft.replace(self.folder / f"{letter.id}.eml")


class SmtpMail:
    """Letters by a mail server: one connection a letter."""

    def __init__(self, url: str, *, sender: str) -> None:
        """Take `smtp://user:password@host:587`, `smtps://...` or `smtp+plain://host`. Raises WrongMailAddress."""
        self._at = urlsplit(url)
        self._sender = sender
        _check(self._at)
        self._port = self._at.port or PORTS[self._at.scheme]

    async def send(self, letter: Letter) -> None:
        """Hand the letter to the server, beside the event loop."""
        await asyncio.to_thread(self._send, letter)

    def _send(self, letter: Letter) -> None:
        message = _message(letter, self._sender)
        with self._connected() as server:
            if self._at.username:
                server.login(unquote(self._at.username), unquote(self._at.password or ""))
            try:
                server.send_message(message)
            except smtplib.SMTPRecipientsRefused as refused:
                if all(code in _FOR_EVER for code, _ in refused.recipients.values()):
                    raise Undeliverable(str(refused)) from refused
                raise
            except smtplib.SMTPDataError as refused:
                if refused.smtp_code in _FOR_EVER:
                    raise Undeliverable(str(refused)) from refused
                raise

    def _connected(self) -> smtplib.SMTP:
        host = str(self._at.hostname)
        if self._at.scheme == "smtps":
            return smtplib.SMTP_SSL(host, self._port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        server = smtplib.SMTP(host, self._port, timeout=TIMEOUT_S)
        if self._at.scheme == "smtp":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def open_mail(settings: Settings) -> Mail:
    """Return what takes the letters of this installation. Raises WrongMailAddress."""
    url = settings.mail_url.get_secret_value() if settings.mail_url is not None else ""
    if url.startswith("folder:") and url != "folder:":
        return FolderMail(Path(url.removeprefix("folder:")), sender=settings.mail_from)
    if url:
        return SmtpMail(url, sender=settings.mail_from)
    if settings.environment is Environment.PRODUCTION:
        # no refusal: the folder is as private as the databases beside it, and an installation is often up before its mail server is
        log.warning(
            "mail.reaches_nobody",
            consequence="letters, such as those that reset a password, lie in a folder",
            fix="set CONVERTO_MAIL_URL to smtp://user:password@host:587, and CONVERTO_PUBLIC_URL to where people reach this installation",
        )
    return FolderMail(settings.data_dir / FOLDER, sender=settings.mail_from)


def _check(at: SplitResult) -> None:
    try:
        is_whole = at.scheme in PORTS and bool(at.hostname) and at.path in {"", "/"} and (at.port is None or at.port > 0)
    except ValueError:
        is_whole = False
    if not is_whole:
        msg = "Letters go to no address: set CONVERTO_MAIL_URL to smtp://user:password@host:587, smtps://... or folder:/a/path."
        raise WrongMailAddress(msg)
    if at.scheme == "smtp+plain" and at.username:
        msg = "A password of the mail server would be sent in the clear: set CONVERTO_MAIL_URL to smtp://... or smtps://..."
        raise WrongMailAddress(msg)


def _message(letter: Letter, sender: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now())
    # the same id for each try: a mail program shows a letter once that has come twice
    message["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2].rstrip('>') or 'converto'}>"
    message["Auto-Submitted"] = "auto-generated"  # so that no holiday reply comes back
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message
