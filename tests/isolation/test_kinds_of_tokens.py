"""Every kind of token, offered at every place that takes another kind: none is taken for what it is not."""

import asyncio
import base64
import hashlib
import hmac
import re
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from jose import jwt
from pydantic import SecretStr

from converto.auth.cookies import ACCESS_COOKIE, REFRESH_COOKIE
from converto.auth.keys import SigningKey
from converto.kernel import service_token
from converto.kernel.clock import now
from converto.kernel.rpc import CONTENT_TYPE
from converto.kernel.signature import DIGEST_HEADER, HEADER, Digest, sign
from tests.acceptance.people import PASSWORD, registration
from tests.auth.hostile_tokens import Forger
from tests.isolation.town import Town, empty_town

RPC, METRICS = "a secret between the processes, long", "a token of those who look at the metrics"
INTERNAL = "/internal/auth/key_set"
LONGEST_MS = 10.0
AGAIN = "another lovely 47 words"


@dataclass(frozen=True)
class Place:
    """Where a token is offered."""

    takes: frozenset[str]
    method: str
    path: str
    how: str
    """header, cookie, or the name of a field of the body."""
    body: Mapping[str, Any] | None = None
    hashes: bool = False
    """Whether a password is hashed there before the token is looked at."""


PLACES: Mapping[str, Place] = {
    "bearer of a person": Place(frozenset({"access"}), "GET", "/auth/me", "bearer"),
    "bearer of a program": Place(frozenset({"access", "API key", "service"}), "GET", "/events/subscriptions", "bearer"),
    "cookie of a session": Place(frozenset({"access"}), "GET", "/auth/me", "cookie"),
    "refresh": Place(frozenset({"refresh"}), "POST", "/auth/refresh", "refresh_token", {}),
    "refresh by cookie": Place(frozenset({"refresh"}), "POST", "/auth/refresh", "refresh cookie"),
    "verification": Place(frozenset({"verification"}), "POST", "/auth/email/verify", "token", {}),
    "reset": Place(frozenset({"reset"}), "POST", "/auth/password/reset", "token", {"new_password": AGAIN}),
    "invitation": Place(frozenset({"invitation"}), "POST", "/auth/invitations/accept", "token", {}),
    "invitation of somebody new": Place(
        frozenset({"invitation"}), "POST", "/auth/invitations/accept", "token", {"full_name": "Aino Niemi", "password": AGAIN}
    ),
    "second factor": Place(frozenset({"recovery"}), "POST", "/auth/login", "otp", {"password": PASSWORD}, hashes=True),
    "step-up": Place(frozenset({"recovery"}), "POST", "/auth/step-up", "otp", {}),
    "metrics": Place(frozenset({"metrics"}), "GET", "/metrics", "bearer"),
    "between processes": Place(frozenset({"RPC signature"}), "POST", INTERNAL, "signature"),
    "between processes, as a bearer": Place(frozenset(), "POST", INTERNAL, "bearer"),
    "sign-in by a provider": Place(frozenset(), "GET", "/auth/oidc/google/callback", "code"),
}


@dataclass(frozen=True)
class Holder:
    """Somebody who has one of each."""

    town: Town
    email: str
    tokens: Mapping[str, str]

    async def offer(self, place: Place, token: str) -> httpx2.Response:
        """Offer a token at a place, as who else may be there signed in."""
        http, body = self.town.http, None if place.body is None else dict(place.body)
        headers: dict[str, str] = {}
        if place.how == "bearer":
            headers = {"authorization": f"Bearer {token}"}
        elif place.how == "cookie":
            headers = {"cookie": f"{ACCESS_COOKIE}={token}"}
        elif place.how == "refresh cookie":
            headers = {"cookie": f"{REFRESH_COOKIE}={token}", "x-converto-session": "cookie"}
        elif place.how == "signature":
            headers = {HEADER: token, DIGEST_HEADER: str(Digest()), "content-length": "0"}
        elif place.how == "code":
            return await http.get(place.path, params={"code": token, "state": token})
        if body is not None:
            body[place.how] = token
            headers = {"authorization": f"Bearer {self.tokens['access']}"} if place.path == "/auth/step-up" else headers
            body |= {"email": self.email} if place.path == "/auth/login" else {}
        return await http.request(place.method, place.path, headers=headers, json=body)


@pytest.fixture(scope="module")
async def holder(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Holder]:
    folder = tmp_path_factory.mktemp("data")
    async with empty_town(folder, rpc_secrets=(SecretStr(RPC),), metrics_token=SecretStr(METRICS)) as town:
        yield await _holder(town, folder / "mail")


async def _holder(town: Town, mail: Path) -> Holder:
    given = registration()
    person = (await town.http.post("/auth/register", json=given)).raise_for_status().json()
    bearer = {"authorization": f"Bearer {person['access_token']}"}

    async def made(path: str, **body: Any) -> Any:
        answer = (await town.http.post(path, headers=bearer, json=body)).raise_for_status()
        return answer.json() if answer.content else None

    verification = await _mailed(mail, given["email"], "cvv_")
    key = (await made("/auth/api-keys", name="Kirjaus", scopes=["events:read"]))["key"]
    await made("/auth/tenant/invitations", email="joku@example.fi", role="viewer")
    await made("/auth/password/forgot", email=given["email"])
    secret = (await made("/auth/mfa/totp"))["secret"]
    codes = (await made("/auth/mfa/totp/confirm", code=_totp(secret)))["recovery_codes"]
    id_token = jwt.encode({"iss": "https://accounts.example", "sub": "1", "aud": "converto-api"}, "of a provider, long enough to sign with")
    return Holder(
        town,
        given["email"],
        {
            "access": person["access_token"],
            "refresh": person["refresh_token"],
            "API key": key,
            "invitation": await _mailed(mail, "joku@example.fi", "cvi_"),
            "verification": verification,
            "reset": await _mailed(mail, given["email"], "cvp_"),
            "service": service_token.mint([SecretStr(RPC)], "books", lasts=timedelta(days=1), at=now()),
            "metrics": METRICS,
            "recovery": codes[0],
            "ID token": id_token,
            "RPC signature": sign([SecretStr(RPC)], INTERNAL, Digest()),
        },
    )


async def _mailed(mail: Path, to: str, prefix: str) -> str:
    """Return what a letter carries, once it has come."""
    for _ in range(1000):
        for file in sorted(mail.glob("*.eml")):
            letter: Any = message_from_bytes(file.read_bytes(), policy=default)
            found = re.search(rf"#token=({prefix}\S+)", letter.get_body(("plain",)).get_content())
            if letter["to"] == to and found:
                return found[1]
        await asyncio.sleep(0.02)
    msg = f"no letter to {to} with {prefix}"
    raise AssertionError(msg)


def _totp(secret: str) -> str:
    """Return what an authenticator app shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, (int(time.time()) // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


async def test_no_token_is_taken_for_another_kind_and_each_is_refused_fast(holder: Holder) -> None:
    wrong, took_ms, offered = {}, [], 0
    for where, place in PLACES.items():
        for kind, token in holder.tokens.items():
            if kind in place.takes:
                continue
            start = time.process_time()
            answer = await holder.offer(place, token)
            if not place.hashes:
                took_ms.append(1000 * (time.process_time() - start))
            offered += 1
            is_told = answer.headers["content-type"] == ("application/problem+json" if place.path != INTERNAL else CONTENT_TYPE)
            if not 400 <= answer.status_code < 500 or not is_told:
                wrong[kind, where] = (answer.status_code, answer.text[:200])
    assert wrong == {}
    assert offered == sum(len(holder.tokens.keys() - place.takes) for place in PLACES.values())
    assert statistics.median(took_ms) < LONGEST_MS
    await _taken_in_their_own_places(holder)


@pytest.mark.parametrize("how", ["bearer of a person", "cookie of a session"])
async def test_hostile_tokens_are_refused_at_the_edge_too(holder: Holder, how: str) -> None:
    good = holder.tokens["access"]
    header, claims = (orjson.loads(base64.urlsafe_b64decode(part + "==")) for part in good.split(".")[:2])
    ring = (await holder.town.app.state.runtime.hosted["auth"].service._signing.tools()).ring
    forger = Forger(ring.current, header, claims, foreign=SigningKey.generate())
    taken, asked = {}, 0
    hostile: list[tuple[str, Any]] = list(forger.all())
    for number, (name, token) in enumerate(hostile):
        if number % 7 or not _can_be_sent(token):
            continue
        answer = await holder.offer(PLACES[how], token)
        asked += 1
        if answer.status_code not in {400, 401, 431} or answer.headers["content-type"] != "application/problem+json":
            taken[name] = answer.status_code
    assert taken == {}
    assert asked >= 45


def _can_be_sent(token: Any) -> bool:
    """Whether a client can send it in a header as it is; in a cookie, quotes around a value are not part of it."""
    plain = isinstance(token, str) and token.isascii() and token.isprintable() and token == token.strip()
    return plain and not set(token) & {";", '"'}


async def _taken_in_their_own_places(holder: Holder) -> None:
    """Show what the refusals are worth: the tokens are good. Those that are good once, and those that end others, are used last."""
    statuses = {}
    order = ("bearer of a person", "bearer of a program", "cookie of a session", "metrics", "between processes", "refresh", "verification")
    for where in (*order, "step-up", "invitation of somebody new", "reset"):
        place = PLACES[where]
        for kind in sorted(place.takes):
            statuses[kind, where] = (await holder.offer(place, holder.tokens[kind])).status_code
    # an empty body is no call; what bears no good signature is not even told so
    assert statuses.pop(("RPC signature", "between processes")) == 422
    assert {one: status for one, status in statuses.items() if status >= 400} == {}
    assert {kind for kind, _ in statuses} == holder.tokens.keys() - {"ID token", "RPC signature"}
