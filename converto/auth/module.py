"""The manifest of auth."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from converto.auth.api import router
from converto.auth.events import SessionRevoked, UserLoggedIn, UserRegistered
from converto.auth.interface import Auth
from converto.auth.keys import Seal, WrongSecret
from converto.auth.models import Row
from converto.auth.passwords import PasswordHasher
from converto.auth.service import AuthService
from converto.auth.settings import AuthSettings
from converto.auth.signing import Signing
from converto.kernel.config import Environment
from converto.kernel.manifest import Module, Parts
from converto.kernel.runtime import CannotStart
from converto.kernel.schema import behind

SECRET_FILE = "auth.secret"  # noqa: S105 - the name of a file
SHORTEST_SECRET = 32


@asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[Auth]:
    """Open the service. Raises CannotStart without a good secret, or with another one than the keys were sealed with."""
    settings: AuthSettings = parts.settings
    seal = Seal(_secret(settings, parts.program.environment, parts.program.data_dir))
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
    try:
        yield AuthService(parts.database, settings, hasher=hasher, signing=signing)
    finally:
        hasher.close()


def _secret(settings: AuthSettings, environment: Environment, data_dir: Path) -> str:
    """Return the secret that seals the signing keys; outside production one is made once and kept in the data folder."""
    given = settings.secret_key.get_secret_value() if settings.secret_key is not None else ""
    if environment is Environment.PRODUCTION and len(given) < SHORTEST_SECRET:
        msg = f"In production the signing keys need a secret: set JWT_SECRET_KEY to {SHORTEST_SECRET} random characters or more."
        raise CannotStart(msg)
    return given or _kept_secret(data_dir / SECRET_FILE)


def _kept_secret(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    if not file.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, file)  # of two processes that start at once one wins, and nobody reads half a file
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()


module = Module(
    name="auth",
    interface=Auth,
    build=opened,
    settings=AuthSettings,
    tables=Row.metadata,
    router=router,
    events=(UserRegistered, UserLoggedIn, SessionRevoked),
)
