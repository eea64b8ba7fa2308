"""Requests under an Idempotency-Key, to a server that is killed again and again: each is done once, and answered alike ever after."""

import random
import threading
import time
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.acceptance.people import registration, sample
from tests.acceptance.processes import Server

REQUESTS = 40
KILLS = 8
LONGEST_LIFE_S = 3.0
LEASE_S = 15.0


@pytest.mark.trials
@pytest.mark.timeout(900)
def test_what_is_sent_until_it_is_answered_is_done_once(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", {"CONVERTO_LOG_LEVEL": "error"})
    seed = random.randrange(10**6)  # noqa: S311 - moments, not secrets
    with server, httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        token = http.post("/auth/register", json=registration()).raise_for_status().json()["access_token"]
        http.headers["authorization"] = f"Bearer {token}"
        killing = threading.Thread(target=_kill_again_and_again, args=(server, random.Random(seed)))  # noqa: S311
        killing.start()
        keys = [str(uuid4()) for _ in range(REQUESTS)]
        sent = [_answered(http, key) for key in keys]
        killing.join()
        again = [_answered(http, key) for key in keys]
        listed = http.get("/ocr/scans?limit=200").json()["items"]

    waits = sorted(waited_s for _, waited_s in sent)
    replayed = sum("idempotent-replayed" in answer.headers for answer, _ in again)
    print(f"\n{KILLS} kills (seed {seed}), {REQUESTS} requests: {len(listed)} scans")
    print(f"the longest wait {waits[-1]:.1f} s; {replayed} answers given again")
    assert sorted(item["id"] for item in listed) == sorted(answer.json()["id"] for answer, _ in sent)
    assert [answer.content for answer, _ in again] == [answer.content for answer, _ in sent]
    assert replayed == REQUESTS


def _kill_again_and_again(server: Server, moments: random.Random) -> None:
    for _ in range(KILLS):
        time.sleep(moments.uniform(0, LONGEST_LIFE_S))
        server.kill()
        server.start()


def _answered(http: httpx2.Client, key: str) -> tuple[httpx2.Response, float]:
    """Send a request until it is answered; return the answer, and how long that took."""
    begun = time.monotonic()
    files = {"file": ("a.png", sample("03-fuel.png"))}
    while True:
        try:
            answer = http.post("/ocr/scans", files=files, headers={"idempotency-key": key})
        except httpx2.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == 202:
            return answer, time.monotonic() - begun
        assert answer.status_code in {409, 503}, answer.text
        assert time.monotonic() - begun < LEASE_S * KILLS
        time.sleep(0.2)
