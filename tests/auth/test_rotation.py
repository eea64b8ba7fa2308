import asyncio
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete

from converto.auth.keys import Seal
from converto.auth.models import SigningKeyRow
from converto.auth.roles import Role
from converto.auth.signing import LOOK_AGAIN_S, Signing
from converto.kernel.clock import new_id, now
from tests.auth.conftest import opened

LOOK_AGAIN = 0.2


async def test_another_process_takes_tokens_of_a_new_key_at_once_and_signs_with_it_soon(data_dir: Path, database_url: str | None) -> None:
    async with opened(data_dir, database_url) as house:
        async with house.database.writing() as session:
            await session.execute(delete(SigningKeyRow))
        seal = Seal("a secret of the tests, long enough")
        one, other = (
            Signing(house.database, seal, issuer="a", audience="b", max_age=timedelta(days=30), look_again_s=LOOK_AGAIN) for _ in range(2)
        )
        known = await other.tools()
        before = known.ring.current.kid

        await one.rotate()

        ids = {"user_id": new_id(), "tenant_id": new_id(), "session_id": new_id()}
        token = (await one.tools()).signer.token(**ids, role=Role.OWNER, version=1, at=now())
        assert known.verifier.claims(token, now()).sub == ids["user_id"]
        async with asyncio.timeout(5):
            while (await other.tools()).ring.current.kid == before:  # noqa: ASYNC110 - the fact lies in a database
                await asyncio.sleep(LOOK_AGAIN / 4)
        assert (await other.tools()).ring.current.kid == (await one.tools()).ring.current.kid


def test_a_process_looks_for_new_keys_within_a_minute() -> None:
    assert LOOK_AGAIN_S <= 60
