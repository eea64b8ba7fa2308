import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.measuring.program import Program

pytestmark = [pytest.mark.trials, pytest.mark.timeout(300)]

SECONDS = 12.0
ROUNDS = 3
TIMES = 10
PROBES_A_SECOND = 16
GENEROUS = "9000000"
PERSON = {"email": "aino@example.fi", "password": secrets.token_urlsafe(24), "full_name": "Aino Niemi", "company_name": "Lumo Oy"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    """Return a server that no rate limit spares its work."""
    limits = {
        "CONVERTO_GATEWAY_ADDRESS_RATE_LIMIT": GENEROUS,
        "CONVERTO_GATEWAY_SIGN_IN_RATE_LIMIT": GENEROUS,
        "CONVERTO_LOG_LEVEL": "error",
    }
    with Program(tmp_path, limits) as running:
        yield running


def test_a_flood_of_sign_ins_does_not_slow_down_what_others_do(server: Program) -> None:
    signed_in = httpx2.post(f"{server.url}/auth/register", json=PERSON).raise_for_status().json()
    body = json.dumps({name: PERSON[name] for name in ("email", "password")})
    host = f"host: 127.0.0.1:{server.port}\r\n"
    login = f"POST /auth/login HTTP/1.1\r\n{host}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    look = f"GET /auth/me HTTP/1.1\r\n{host}authorization: Bearer {signed_in['access_token']}\r\n\r\n"

    _told(_start(server, {"login": login}, at_once=4, seconds=2.0))
    hashed = len(_good(_told(_start(server, {"login": login}, at_once=4, seconds=5.0)))) / 5
    resting: list[Sequence[Any]] = []
    flooded: list[Sequence[Any]] = []
    done = 0
    for _ in range(ROUNDS):  # in turns, for what else the machine does changes from minute to minute
        resting += _told(_start(server, {"look": look}, rate=PROBES_A_SECOND, seconds=SECONDS))
        flood = _start(server, {"login": login}, rate=hashed * TIMES, seconds=SECONDS)
        flooded += _told(_start(server, {"look": look}, rate=PROBES_A_SECOND, seconds=SECONDS * 0.9))
        done += len(_good(_told(flood)))

    at_rest, in_flood = _p99_ms(resting), _p99_ms(flooded)
    print(f"\n{hashed:.0f} sign-ins a second can be done; GET /auth/me at rest: p99 {at_rest:.1f} ms of {len(resting)}")
    a_second = f"{hashed * TIMES:.0f} sign-ins a second, of which {done / SECONDS / ROUNDS:.0f} were done"
    print(f"at {a_second}: p99 {in_flood:.1f} ms of {len(flooded)}")
    assert len(_good(flooded)) == len(flooded)
    assert in_flood <= 2 * at_rest


def _start(server: Program, requests: Mapping[str, str], **how: Any) -> "subprocess.Popen[str]":
    told = json.dumps({"port": server.port, "requests": requests, "kinds": list(requests), **how})
    return subprocess.Popen([sys.executable, str(Path(__file__).with_name("open_loop.py")), told], stdout=subprocess.PIPE, text=True)


def _told(asking: "subprocess.Popen[str]") -> Sequence[Sequence[Any]]:
    told: Sequence[Sequence[Any]] = json.loads(asking.communicate()[0])
    return told


def _good(many: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    return [asked for asked in many if asked[2] == 200]


def _p99_ms(many: Sequence[Sequence[Any]]) -> float:
    return float(sorted(asked[3] for asked in many)[int(len(many) * 0.99)] * 1000)
