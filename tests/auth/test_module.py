import asyncio
import contextlib
import stat
import time
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update

from converto.auth.models import SigningKeyRow
from converto.auth.module import SECRET_FILE, module
from converto.auth.people import InvalidToken
from converto.auth.settings import AuthSettings
from converto.auth.sign_in.interface import RegistrationClosed
from converto.kernel.clock import now
from converto.kernel.config import CannotStart, Environment, Settings
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from tests.auth.conftest import House, opened


async def signed_long_ago(house: House) -> None:
    """Have the current key sign since longer than it should."""
    async with house.database.writing() as session:
        since = now() - timedelta(days=31)
        await session.execute(update(SigningKeyRow).where(SigningKeyRow.signs_from.is_not(None)).values(signs_from=since))


async def test_a_session_outlives_a_restart(data_dir: Path, database_url: str | None) -> None:
    async with opened(data_dir, database_url) as house:
        signed_in = await house.register()

    async with opened(data_dir, database_url) as house:
        actor = await house.auth.authenticate(signed_in.access_token)
        again = await house.auth.refresh(SecretStr(signed_in.refresh_token))

    assert actor.user_id == again.user.id == signed_in.user.id


async def test_two_processes_that_start_at_once_share_their_keys(data_dir: Path, database_url: str | None) -> None:
    async with opened(data_dir, database_url):
        pass  # both find an upgraded database, as processes do that are deployed together
    async with opened(data_dir, database_url) as one, opened(data_dir, database_url) as other:
        signed_in = await one.register()

        assert (await other.auth.authenticate(signed_in.access_token)).user_id == signed_in.user.id
        assert await one.auth.key_set() == await other.auth.key_set()


async def test_keys_made_by_two_at_once_are_one_set(data_dir: Path, database_url: str | None) -> None:
    async with opened(data_dir, database_url) as house:
        async with house.database.writing() as session:
            for row in await session.scalars(select(SigningKeyRow)):
                await session.delete(row)
        starts = [opened(data_dir, database_url) for _ in range(3)]
        await asyncio.gather(*(start.__aenter__() for start in starts))

        async with house.database.reading() as session:
            assert await session.scalar(select(func.count()).select_from(SigningKeyRow)) == 2
        for start in starts:
            await start.__aexit__(None, None, None)


async def test_an_old_key_is_rotated_at_the_next_start_and_its_tokens_stay_good(data_dir: Path, database_url: str | None) -> None:
    async with opened(data_dir, database_url) as house:
        signed_in = await house.register()
        before = await house.auth.key_set()
        await signed_long_ago(house)

    async with opened(data_dir, database_url) as house:
        after = await house.auth.key_set()
        actor = await house.auth.authenticate(signed_in.access_token)

    assert after.keys[0] == before.keys[1]
    assert before.keys[0] in after.keys
    assert len(after.keys) == 3
    assert actor.user_id == signed_in.user.id


async def test_of_many_that_rotate_an_old_key_at_once_one_does(data_dir: Path, database_url: str | None) -> None:
    async with opened(data_dir, database_url) as house:
        await signed_long_ago(house)
        starts = [opened(data_dir, database_url) for _ in range(3)]
        await asyncio.gather(*(start.__aenter__() for start in starts))

        async with house.database.reading() as session:
            assert await session.scalar(select(func.count()).select_from(SigningKeyRow)) == 3
        for start in starts:
            await start.__aexit__(None, None, None)


async def test_another_secret_than_the_keys_were_sealed_with_cannot_start(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(data_dir, None):
        pass
    monkeypatch.setenv("JWT_SECRET_KEY", "another secret of the installation, long")

    with pytest.raises(CannotStart, match="JWT_SECRET_KEY is not the one"):
        async with opened(data_dir, None):
            pass


@pytest.mark.parametrize("secret", ["", "too short for production"])
async def test_production_does_not_start_without_a_long_secret(data_dir: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", secret)
    settings = Settings(data_dir=data_dir, environment=Environment.PRODUCTION, modules=("auth",))

    with pytest.raises(CannotStart, match="set JWT_SECRET_KEY to 32 random characters or more"):
        async with Runtime(settings, [module], metrics=new_registry()).running():
            pass


async def test_an_outdated_database_is_left_to_the_program_to_refuse(data_dir: Path) -> None:
    async with Runtime(Settings(data_dir=data_dir, modules=("auth",)), [module], metrics=new_registry()).running():
        pass


async def test_the_secret_that_is_made_stays(data_dir: Path) -> None:
    async with opened(data_dir, None):
        made = _secret(data_dir)

    async with opened(data_dir, None):
        assert _secret(data_dir) == made
    assert len(made) == 64


async def test_the_secret_that_is_made_is_for_its_owners_eyes(data_dir: Path) -> None:
    async with opened(data_dir, None):
        kept = _kept(data_dir)

    assert kept == {SECRET_FILE: 0o600}


def _secret(data_dir: Path) -> str:
    return (data_dir / SECRET_FILE).read_text()


def _kept(data_dir: Path) -> dict[str, int]:
    """Return every file that may hold the secret, with its permissions."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in data_dir.glob("auth.secret*")}


async def test_a_token_of_another_installation_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "one", None) as one, opened(tmp_path / "other", None) as other:
        signed_in = await one.register()

        with pytest.raises(InvalidToken):
            await other.auth.authenticate(signed_in.access_token)


async def test_a_closed_installation_takes_no_registration(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_AUTH_REGISTRATION_OPEN", "false")
    async with opened(data_dir, None) as house:
        with pytest.raises(RegistrationClosed):
            await house.register()


async def test_a_session_ended_in_another_process_is_dead_within_a_second(data_dir: Path) -> None:
    async with opened(data_dir, None) as one, opened(data_dir, None) as other:
        signed_in = await one.register()
        actor = await other.auth.authenticate(signed_in.access_token)
        await one.auth.logout(actor)

        assert await _seconds_until_refused(other, signed_in.access_token) < 1.5


async def _seconds_until_refused(house: House, access_token: str) -> float:
    began = time.monotonic()
    with contextlib.suppress(InvalidToken):
        while time.monotonic() - began < 10:
            await house.auth.authenticate(access_token)
            await asyncio.sleep(0.05)
    return time.monotonic() - began


def test_the_secret_shows_in_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "a secret of the installation, long")

    assert "of the installation" not in repr(AuthSettings())
