"""How failures are counted, in the database and in Redis alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from converto.auth.guard import Counts, DatabaseCounts, Guard
from converto.auth.models import SignInFailureRow
from converto.auth.people import Client, Overloaded, SignedIn, TooManyFailures, WrongCredentials
from converto.auth.redis_counts import RedisCounts
from converto.auth.settings import AuthSettings
from converto.auth.sign_in.interface import Credentials
from converto.auth.throttle import HOUR, Tally, Throttle, Try, mark, network_of
from converto.kernel.errors import Unavailable
from tests.auth.conftest import PASSWORD, House, opened
from tests.servers import Redis, ask

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WRONG = SecretStr("neljä sinistä penkkiä 82")
OWN = Throttle(free=3, longest_s=16)


@pytest.fixture(params=["SQLite", "PostgreSQL", "Redis"], scope="module")
async def counts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Counts]:
    """Return where failures are counted."""
    if request.param == "Redis":
        redis = RedisCounts(ask("redis"))
        yield redis
        await redis.close()
        return
    url = ask("postgres") if request.param == "PostgreSQL" else None
    async with opened(tmp_path_factory.mktemp("data"), url) as house:
        yield DatabaseCounts(house.database)


def tally(name: str, *, free: int = 3, longest_s: int = 16, window: timedelta | None = None) -> Tally:
    return Tally(mark("test", name), Throttle(free=free, longest_s=longest_s, window=window))


async def let_through(counts: Counts, this: Try, *, tries: int, at: datetime = AT, every: timedelta = timedelta(0)) -> int:
    """Return how many of so many tries were let through."""
    return sum([await counts.count(this, at + number * every) is None for number in range(tries)])


async def test_what_is_free_is_free_and_then_the_wait_doubles(counts: Counts) -> None:
    this, at, waits = Try(mine=(tally("doubles"),)), AT, []
    assert await let_through(counts, this, tries=3) == 3
    for _ in range(7):
        assert await counts.count(this, at) is None
        wait_s = await counts.count(this, at) or 0.0
        waits.append(wait_s)
        at += timedelta(seconds=wait_s)

    assert waits == [1, 2, 4, 8, 16, 16, 16]


async def test_many_tries_at_once_are_no_more_than_one_after_another(counts: Counts) -> None:
    this = Try(mine=(tally("at once"),))

    answers = await asyncio.gather(*(counts.count(this, AT) for _ in range(30)))

    assert sum(answer is None for answer in answers) == 4


async def test_what_must_wait_in_one_count_is_counted_in_none(counts: Counts) -> None:
    blocked, free = tally("blocked", free=1), tally("free", free=2)
    await let_through(counts, Try(mine=(blocked,)), tries=2)
    assert await let_through(counts, Try(mine=(blocked, free)), tries=9) == 0

    assert await let_through(counts, Try(mine=(free,)), tries=9) == 3


async def test_a_right_password_forgets_ones_own_and_gives_back_one_of_the_others(counts: Counts) -> None:
    own, shared = tally("own", free=2), tally("office", free=4, window=HOUR)
    this = Try(mine=(own,), others=(shared,))
    await let_through(counts, this, tries=2)
    await forget(counts, this)

    assert await let_through(counts, Try(mine=(own,)), tries=9) == 3
    assert await let_through(counts, Try(mine=(shared,)), tries=9) == 4  # one stands, so three are free and one more begins the wait


async def test_of_two_at_once_the_earlier_may_be_counted_last(counts: Counts) -> None:
    this = Try(mine=(tally("two clocks"),))

    assert await counts.count(this, AT) is None
    assert await counts.count(this, AT - timedelta(milliseconds=5)) is None


async def forget(counts: Counts, this: Try) -> None:
    """Take a try back as a sign-in would, in its transaction where there is one."""
    if isinstance(counts, DatabaseCounts):
        async with counts._database.writing() as session:
            await counts.forget(session, this)
    else:
        await counts.forget(None, this)  # type: ignore[arg-type]  # Redis has no part in the transaction


async def test_a_try_that_was_never_looked_at_is_not_counted(counts: Counts) -> None:
    this = Try(mine=(tally("taken back", free=2),))
    for _ in range(10):
        assert await counts.count(this, AT) is None
        await counts.take_back(this)

    assert await let_through(counts, this, tries=9) == 3


async def test_a_window_begins_anew_and_a_row_of_failures_does_not(counts: Counts) -> None:
    window, row = Try(mine=(tally("window", free=2, window=HOUR),)), Try(mine=(tally("row", free=2, longest_s=1),))

    assert await let_through(counts, window, tries=3, every=timedelta(minutes=31)) == 3
    assert await let_through(counts, window, tries=1, at=AT + timedelta(minutes=94)) == 1
    assert await let_through(counts, row, tries=4, every=timedelta(hours=12)) == 4
    assert await let_through(counts, row, tries=2, at=AT + timedelta(hours=37)) == 1  # only now the fifth has to wait


async def test_above_the_threshold_of_all_nothing_is_free(counts: Counts) -> None:
    alarm = tally("all", free=5, longest_s=0, window=HOUR)
    for number in range(6):
        assert await counts.count(Try(mine=(tally(f"spread {number}"),), alarm=alarm), AT) is None

    assert await let_through(counts, Try(mine=(tally("next"),), alarm=alarm), tries=9) == 1
    assert await let_through(counts, Try(mine=(tally("known device"),)), tries=9) == 4


def test_a_network_is_what_one_subscriber_has() -> None:
    assert network_of("192.0.2.7") == network_of("192.0.2.200") == network_of("::ffff:192.0.2.7") == "192.0.2.0/24"
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert len({network_of(address) for address in ("192.0.3.7", "2001:db8:1:3::", None, "testclient")}) == 4


async def test_one_stranger_does_not_keep_the_owner_out_elsewhere(data_dir: Path) -> None:
    async with opened(data_dir, None) as house:
        await house.register("aino@example.fi")
        guard = Guard(DatabaseCounts(house.database), AuthSettings())
        stranger = Client(address="198.51.100.1")
        for _ in range(6):
            await guard.admit("aino@example.fi", stranger, known_by=None)
        with pytest.raises(TooManyFailures):
            await guard.admit("aino@example.fi", stranger, known_by=None)

        assert (await house.login("aino@example.fi")).user.email == "aino@example.fi"


async def test_many_strangers_do_not_keep_the_owner_out_of_a_known_device(data_dir: Path) -> None:
    async with opened(data_dir, None) as house:
        registered = await house.register("aino@example.fi")
        guard = Guard(DatabaseCounts(house.database), AuthSettings())
        for number in range(21):
            await guard.admit("aino@example.fi", Client(address=f"198.51.{number}.1"), known_by=None)
        known = Client(address="203.0.113.9", device_token=SecretStr(registered.device_token or ""))
        with pytest.raises(TooManyFailures):
            await house.login("aino@example.fi")

        signed_in = await house.auth.login(Credentials(email="aino@example.fi", password=PASSWORD), known)
        assert signed_in.user == registered.user
        with pytest.raises(TooManyFailures):  # a stolen device is no way around
            await _guess(house, known)


async def _guess(house: House, client: Client) -> None:
    for _ in range(20):  # each wait is longer than the one before, so one of them is longer than a slow machine takes for a try
        with suppress(WrongCredentials):
            await house.auth.login(Credentials(email="aino@example.fi", password=WRONG), client)


async def test_where_redis_is_gone_nobody_is_let_in(data_dir: Path, own_redis: Redis) -> None:
    async with opened(data_dir, None, events=own_redis.url) as house:
        await house.register("aino@example.fi")
        await house.login("aino@example.fi")
        own_redis.stop()

        with pytest.raises(Unavailable):
            await house.login("aino@example.fi")


async def test_what_there_was_no_room_to_look_at_costs_nobody_a_try(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_AUTH_HASH_QUEUE", "0")
    monkeypatch.setenv("CONVERTO_AUTH_HASH_THREADS", "1")
    monkeypatch.setenv("CONVERTO_AUTH_FREE_FAILURES", "20")
    async with opened(data_dir, None) as house:
        await house.register("aino@example.fi")
        answers = await asyncio.gather(*(house.login("aino@example.fi", WRONG) for _ in range(15)), return_exceptions=True)
        assert any(isinstance(answer, Overloaded) for answer in answers)
        looked_at = sum(isinstance(answer, WrongCredentials) for answer in answers)

        async with house.database.reading() as session:
            kept = set(await session.scalars(select(SignInFailureRow.failures)))
        assert kept == {looked_at}


async def test_many_who_sign_in_at_once_wait_for_one_another_and_not_for_ever(data_dir: Path, postgres_url: str) -> None:
    async with opened(data_dir, postgres_url) as house:
        emails = [(await house.register()).user.email for _ in range(3)]

        answers = await asyncio.gather(
            *(house.login(email, password) for email in emails for password in (PASSWORD, WRONG, PASSWORD)), return_exceptions=True
        )

    signed_in = [answer for answer in answers if isinstance(answer, SignedIn)]
    wrong = [answer for answer in answers if isinstance(answer, WrongCredentials)]
    assert (len(signed_in), len(wrong)) == (6, 3), answers
