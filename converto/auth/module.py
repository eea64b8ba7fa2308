"""The manifest of auth."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from converto.auth import handlers
from converto.auth.api import router
from converto.auth.audit.repository import SEAL
from converto.auth.breaches import breaches_at
from converto.auth.desk import Means
from converto.auth.events import LetterWritten, SessionRevoked, UserDeleted, UserLoggedIn, UserRegistered
from converto.auth.figures import SignInFigures
from converto.auth.guard import Counts, DatabaseCounts, Guard
from converto.auth.interface import Auth
from converto.auth.keys import Seal, WrongSecret
from converto.auth.letters.postman import Postman
from converto.auth.models import Row
from converto.auth.passwords import PasswordHasher
from converto.auth.records.sweep import sweeping
from converto.auth.service import AuthService
from converto.auth.settings import AuthSettings
from converto.auth.signing import Signing
from converto.auth.standing import StandingSessions
from converto.auth.vault import Vault
from converto.kernel.config import CannotStart, Settings
from converto.kernel.event import hear
from converto.kernel.kept_secret import SHORTEST_SECRET, installation_secret
from converto.kernel.mail import Mail, WrongMailAddress, open_mail
from converto.kernel.manifest import Module, Parts
from converto.kernel.schema import behind
from converto.kernel.sealed_chain import ChainSeal

SECRET_FILE = "auth.secret"  # noqa: S105 - the name of a file
ATTEMPTS = 12
"""How often a letter may fail to go out: with the pauses between, half an hour without a mail server."""
LETTERS_AT_ONCE = 2
"""Each takes a thread until the mail server has answered, and a server that hangs must not take those of everybody else."""


@asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[Auth]:
    """Open the service. Raises CannotStart without a good secret, or with another one than the keys were sealed with."""
    settings: AuthSettings = parts.settings
    secret = _secret(settings, parts.program)
    seal = Seal(secret)
    signing = Signing(
        parts.database,
        seal,
        issuer=settings.issuer,
        audience=settings.audience,
        max_age=timedelta(days=settings.key_max_age_days),
    )
    if not await behind(parts.database, "auth"):  # the program refuses an outdated database, and says so better
        try:
            await signing.tools()
        except WrongSecret as error:
            raise CannotStart(str(error)) from error
    hasher = PasswordHasher(threads=settings.hash_threads, max_queued=settings.hash_queue, queue_timeout_s=settings.hash_queue_timeout_s)
    vault = Vault(secret)
    await vault.ready()
    parts.database.info[SEAL] = ChainSeal(vault.key_for("audit log"))
    try:
        async with _counts(parts) as counts, breaches_at(settings.breach_range_url) as breaches, sweeping(parts.database, settings):
            service = AuthService(
                Means(
                    database=parts.database,
                    settings=settings,
                    hasher=hasher,
                    signing=signing,
                    standing=StandingSessions(settings.session_cache_s),
                    vault=vault,
                    postman=Postman(parts.database, _mail(parts.program), vault, public_url=parts.program.public_url),
                    guard=Guard(counts, settings),
                    breaches=breaches,
                    figures=SignInFigures(parts.metrics),
                    paid_work=parts.paid_work,
                    public_url=parts.program.public_url,
                )
            )
            try:
                yield service
            finally:
                await service.close_federation()
    finally:
        hasher.close()


@asynccontextmanager
async def _counts(parts: Parts) -> AsyncIterator[Counts]:
    """Open where failures are counted: in Redis, where the installation has one."""
    if parts.program.events == "memory":
        yield DatabaseCounts(parts.database)
        return
    from converto.auth.redis_counts import RedisCounts  # noqa: PLC0415 - the client is only there where Redis is

    counts = RedisCounts(parts.program.events)
    try:
        yield counts
    finally:
        await counts.close()


def _mail(program: Settings) -> Mail:
    try:
        return open_mail(program)
    except WrongMailAddress as error:
        raise CannotStart(str(error)) from error


def _secret(settings: AuthSettings, program: Settings) -> str:
    """Return the secret that seals the signing keys; outside production one is made once and kept in the data folder."""
    secret = installation_secret(settings.secret_key, program, file=SECRET_FILE)
    if secret is None:
        msg = f"In production the signing keys need a secret: set JWT_SECRET_KEY to {SHORTEST_SECRET} random characters or more."
        raise CannotStart(msg)
    return secret


module = Module(
    name="auth",
    interface=Auth,
    build=opened,
    settings=AuthSettings,
    tables=Row.metadata,
    router=router,
    events=(UserRegistered, UserLoggedIn, SessionRevoked, UserDeleted, LetterWritten),
    hears=(hear(LetterWritten, handlers.send_letter, concurrency=LETTERS_AT_ONCE, attempts=ATTEMPTS, given_up=handlers.give_up),),
)
