"""How soon a session that was ended in one process is refused in another, with Redis there and gone."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.people import PASSWORD, registration
from tests.acceptance.processes import Server
from tests.servers import Redis

SESSIONS = 20
SOON_S, LATE_S = 1.0, 5.0


@pytest.fixture
def two(tmp_path: Path, postgres_url: str, own_redis: Redis) -> Iterator[tuple[Server, Server]]:
    """Return two processes that serve the same installation."""
    common = {
        "CONVERTO_DATABASE_URL": postgres_url,
        "CONVERTO_EVENTS": own_redis.url,
        "CONVERTO_MODULES": "gateway,auth",
        "JWT_SECRET_KEY": "known to both of them only, and long enough",
        "CONVERTO_AUTH_RATE_LIMIT": "1000000",
    }
    one, other = Server(tmp_path / "one", common), Server(tmp_path / "other", common)
    with one, other:
        yield one, other


def signed_in(at: Server) -> list[dict[str, str]]:
    """Open the sessions of one person, and return what each sends."""
    given = registration()
    assert httpx2.post(f"{at.url}/auth/register", json=given, trust_env=False).status_code == 201
    tokens = []
    for _ in range(SESSIONS):
        answer = httpx2.post(f"{at.url}/auth/login", json={"email": given["email"], "password": PASSWORD}, trust_env=False)
        assert answer.status_code == 200, answer.text
        tokens.append({"authorization": f"Bearer {answer.json()['access_token']}"})
    return tokens


def seconds_until_refused(headers: dict[str, str], *, ended_at: Server, asked_at: Server) -> float:
    with httpx2.Client(trust_env=False, headers=headers) as client:
        assert client.get(f"{asked_at.url}/auth/me").status_code == 200
        assert client.post(f"{ended_at.url}/auth/logout").status_code == 204
        began = time.monotonic()
        while (answer := client.get(f"{asked_at.url}/auth/me")).status_code == 200:
            assert time.monotonic() - began < 2 * LATE_S
            time.sleep(0.01)
        assert answer.status_code == 401, answer.text
        return time.monotonic() - began


@pytest.mark.trials
@pytest.mark.timeout(300)
def test_what_is_ended_in_one_process_is_refused_in_the_other(two: tuple[Server, Server], own_redis: Redis) -> None:
    one, other = two
    there, gone = signed_in(one), signed_in(one)
    with_redis = sorted(seconds_until_refused(headers, ended_at=one, asked_at=other) for headers in there)
    own_redis.stop()
    without = sorted(seconds_until_refused(headers, ended_at=one, asked_at=other) for headers in gone)

    for name, found in (("with Redis", with_redis), ("Redis stopped", without)):
        print(
            f"\nrefused in the other process, {name}: median {found[len(found) // 2]:.2f} s, longest of {SESSIONS} {found[-1]:.2f} s",
            end="",
        )
    assert with_redis[-1] <= SOON_S
    assert without[-1] <= LATE_S
