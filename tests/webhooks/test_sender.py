"""Whom the sender connects to, and whose certificate it asks for."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from converto.events.webhooks.sender import Sender
from converto.kernel.clock import now
from converto.kernel.outgoing.guard import Guard
from converto.kernel.outgoing.outgoing import Outgoing
from converto.kernel.outgoing.resolver import LOOKUPS_AT_ONCE, Resolver, UnknownName
from tests.webhooks.receiver import answers, receiving

LOOPBACK = Guard(allowed=[ip_network("127.0.0.0/8")], https_only=False)
NOWHERE = Guard(https_only=False)
NAME = "hooks.example.com"


@dataclass
class NameServer(Resolver):
    """Says of every name what it is told to say, the last of it again and again."""

    answers: list[Sequence[str]] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    async def addresses(self, host: str) -> Sequence[str]:
        """Return the next answer."""
        self.asked += 1
        if not self.answers:
            raise UnknownName(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def sending(guard: Guard, names: Resolver, *, ca_file: Path | None = None) -> AsyncIterator[Sender]:
    sender = Sender(Outgoing(guard, names, idle_s=2, ca_file=ca_file), timeout_s=5)
    try:
        yield sender
    finally:
        await sender.close()


def named(url: str, name: str = NAME) -> str:
    return url.replace("127.0.0.1", name)


@dataclass(frozen=True)
class Certificate:
    """A certificate that signed itself, and what to serve with it."""

    file: Path

    @classmethod
    def of(cls, name: str, folder: Path) -> "Certificate":
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
            .not_valid_before(now() - timedelta(days=1))
            .not_valid_after(now() + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / f"{name}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + made.public_bytes(Encoding.PEM))
        return cls(file)

    def served(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


async def test_a_name_that_leads_inside_is_not_called() -> None:
    async with receiving() as receiver, sending(NOWHERE, NameServer(answers=[["127.0.0.1"]])) as sender:
        answer = await sender.post(named(receiver.url), b"{}", {})
    assert (receiver.connections, answer.error) == (0, "127.0.0.1 is not a public address; only public addresses are sent to.")


async def test_a_name_is_looked_up_once_for_a_connection_so_that_what_was_checked_is_called() -> None:
    # the second answer is what a false name server would give to whoever asked twice
    names = NameServer(answers=[["127.0.0.1"], ["192.0.2.1"]])
    async with receiving() as receiver, sending(LOOPBACK, names) as sender:
        answer = await sender.post(named(receiver.url), b"{}", {})
    assert (answer.error, names.asked, receiver.connections) == (None, 1, 1)


async def test_each_new_connection_is_checked_anew() -> None:
    names = NameServer(answers=[["127.0.0.1"], ["10.0.0.1"]])
    async with receiving(usual=answers(headers={"connection": "close"})) as receiver, sending(LOOPBACK, names) as sender:
        found = [await sender.post(named(receiver.url), b"{}", {}) for _ in range(2)]
    assert [answer.error for answer in found] == [None, "10.0.0.1 is not a public address; only public addresses are sent to."]


async def test_of_several_addresses_only_those_allowed_are_called() -> None:
    names = NameServer(answers=[["10.0.0.1", "::1", "127.0.0.1"]])
    async with receiving() as receiver, sending(LOOPBACK, names) as sender:
        answer = await sender.post(named(receiver.url), b"{}", {})
    assert (answer.error, receiver.connections) == (None, 1)


async def test_an_address_that_refuses_gives_way_to_the_next() -> None:
    async with receiving() as receiver, sending(LOOPBACK, NameServer(answers=[["127.0.0.9", "127.0.0.1"]])) as sender:
        answer = await sender.post(named(receiver.url), b"{}", {})
    assert (answer.error, receiver.connections) == (None, 1)


async def test_the_receiver_is_told_the_name_and_not_the_address() -> None:
    async with receiving() as receiver, sending(LOOPBACK, NameServer(answers=[["127.0.0.1"]])) as sender:
        await sender.post(named(receiver.url) + "?a=1", b'{"a": 1}', {"webhook-id": "7"})
    (post,) = receiver.posts
    assert (post.head, post.body, post.headers["host"]) == (
        "POST /hook?a=1 HTTP/1.1",
        b'{"a": 1}',
        named(receiver.url).removeprefix("http://").removesuffix("/hook"),
    )
    assert (post.headers["content-type"], post.headers["accept-encoding"], post.id) == ("application/json", "identity", "7")


async def test_a_connection_is_used_again() -> None:
    async with receiving() as receiver, sending(LOOPBACK, Resolver()) as sender:
        for _ in range(3):
            await sender.post(receiver.url, b"{}", {})
    assert (len(receiver.posts), receiver.connections) == (3, 1)


async def test_tls_is_verified_for_the_name(tmp_path: Path) -> None:
    certificate = Certificate.of(NAME, tmp_path)
    names = NameServer(answers=[["127.0.0.1"]])
    async with receiving(tls=certificate.served()) as receiver, sending(LOOPBACK, names, ca_file=certificate.file) as sender:
        right = await sender.post(named(receiver.url), b"{}", {})
        wrong = await sender.post(named(receiver.url, "other.example.com"), b"{}", {})
        bare = await sender.post(receiver.url, b"{}", {})
    assert (right.error, len(receiver.posts)) == (None, 1)
    assert "other.example.com" in (wrong.error or "")
    assert "127.0.0.1" in (bare.error or "")


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate, other = Certificate.of(NAME, tmp_path), Certificate.of("example.org", tmp_path)
    names = NameServer(answers=[["127.0.0.1"]])
    async with receiving(tls=certificate.served()) as receiver, sending(LOOPBACK, names, ca_file=other.file) as sender:
        answer = await sender.post(named(receiver.url), b"{}", {})
    assert (answer.error or "").startswith("cannot connect: [SSL: CERTIFICATE_VERIFY_FAILED]")
    assert receiver.posts == []


async def test_a_name_that_nobody_knows_is_a_failure_with_a_reason() -> None:
    async with sending(LOOPBACK, Resolver()) as sender:
        answer = await sender.post("http://nobody.invalid/", b"{}", {})
    assert (answer.error or "").startswith("the name cannot be looked up: ")


async def test_the_systems_own_names_are_found() -> None:
    async with receiving() as receiver, sending(LOOPBACK, Resolver()) as sender:
        answer = await sender.post(named(receiver.url, "localhost"), b"{}", {})
    assert (answer.error, len(receiver.posts)) == (None, 1)


async def test_names_that_nobody_answers_for_hold_up_no_name_that_was_found_before() -> None:
    silence = threading.Event()

    def look_up(host: str) -> Sequence[str]:
        if host.startswith("silent"):
            silence.wait(30)
        return ["127.0.0.1"]

    resolver = Resolver(look_up)
    try:
        await resolver.addresses(NAME)
        waiting = [asyncio.ensure_future(resolver.addresses(f"silent{number}.example.com")) for number in range(2 * LOOKUPS_AT_ONCE)]
        await asyncio.sleep(0)
        assert await resolver.addresses(NAME) == ["127.0.0.1"]
        assert [one for one in waiting if one.done()] == []
    finally:
        silence.set()
    assert await asyncio.gather(*waiting) == [["127.0.0.1"]] * len(waiting)


async def test_those_who_ask_for_one_name_at_once_share_the_answer() -> None:
    resolver = Resolver()
    found = await asyncio.gather(*(resolver.addresses("localhost") for _ in range(50)))
    assert len({tuple(addresses) for addresses in found}) == 1
    with pytest.raises(UnknownName):
        await resolver.addresses("x" * 70 + ".example.com")
