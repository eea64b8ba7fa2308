"""A mail server that keeps what it is given: the outsider whom no test can ask to fail."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"


def certificate(folder: Path) -> Path:
    """Write a certificate for this machine, with its key, and return where it lies."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    at = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "mail.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + plain)
    return file


@dataclass
class MailServer:
    """What a mail server was told."""

    certificate: Path | None = None
    offers_tls: bool = True
    refuses: str = ""
    """What it answers to a recipient, such as `550 nobody here`."""
    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    in_the_clear: list[str] = field(default_factory=list)
    """Commands that came before TLS."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Listen on a free port, or on the one that it had before."""
        server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self.port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_secret = False
        writer.write(b"220 ready\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.partition(" ")[0].upper()
            if not is_secret:
                self.in_the_clear.append(verb)
            if verb == "EHLO":
                offered = ["AUTH PLAIN"] if is_secret or self.certificate is None else ["STARTTLS"] * self.offers_tls
                writer.write("".join(f"250-{word}\r\n" for word in ("mail.test", *offered)).encode() + b"250 SIZE\r\n")
            elif verb == "STARTTLS":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(str(self.certificate))
                writer.write(b"220 go ahead\r\n")
                try:
                    await writer.start_tls(context)
                except ssl.SSLError:  # they do not trust us
                    break
                is_secret = True
            elif verb == "DATA":
                await self._take(reader, writer)
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(self._answer(verb, line))
            await writer.drain()
        writer.close()

    def _answer(self, verb: str, line: str) -> bytes:
        if verb == "AUTH":
            self.credentials.append(base64.b64decode(line.rsplit(maxsplit=1)[-1]).decode())
            return b"235 welcome\r\n"
        if verb == "RCPT" and self.refuses:
            return f"{self.refuses}\r\n".encode()
        return b"250 OK\r\n"

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"354 go on\r\n")
        await writer.drain()
        raw = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
        letter = message_from_bytes(raw, policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        writer.write(b"250 taken\r\n")
