import base64
import json
import timeit
from datetime import UTC, datetime, timedelta
from functools import partial
from time import process_time
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from converto.auth.keys import KeyRing, SigningKey
from converto.auth.people import InvalidToken
from converto.auth.roles import Role
from converto.auth.tokens import LEEWAY_S, LIFETIME, MAX_BYTES, Signer, Verifier, key_set
from tests.auth.hostile_tokens import Forger, encoded, signed

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PERSON, COMPANY, SESSION = (UUID(int=number) for number in (0xA1, 0xB2, 0xC3))
RING = KeyRing.fresh(AT)
SIGNER = Signer(RING.current, issuer="converto", audience="converto-api")
VERIFIER = Verifier(RING, issuer="converto", audience="converto-api")


def token(at: datetime = AT) -> str:
    return SIGNER.token(user_id=PERSON, tenant_id=COMPANY, session_id=SESSION, role=Role.OWNER, version=1, at=at)


def parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, _ = (base64.urlsafe_b64decode(part + "==") for part in text.split("."))
    return json.loads(head), json.loads(body)


def answer(hostile: Any) -> object:
    """Return what a caller is told of a token, or what it got past the checks or out of them."""
    try:
        return VERIFIER.claims(hostile, AT)
    except InvalidToken as refused:
        return (refused.status, refused.code, refused.details)
    except Exception as leaked:  # noqa: BLE001 - whatever leaks is the finding
        return leaked


FORGER = Forger(RING.current, *parts(token()), foreign=SigningKey.generate())
HOSTILE = dict(FORGER.all())


def test_a_token_says_who_acts_where_and_as_what() -> None:
    claims = VERIFIER.claims(token(), AT)

    assert (claims.sub, claims.tid, claims.sid, claims.rol, claims.ver) == (PERSON, COMPANY, SESSION, Role.OWNER, 1)


def test_a_token_has_the_promised_header_claims_and_size() -> None:
    header, claims = parts(token())

    assert header == {"alg": "ES256", "kid": RING.current.kid, "typ": "at+jwt"}
    assert set(claims) == {"iss", "aud", "sub", "sid", "tid", "rol", "ver", "iat", "nbf", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == 600
    assert len(token()) <= MAX_BYTES


def test_every_token_has_an_id_of_its_own() -> None:
    assert VERIFIER.claims(token(), AT).jti != VERIFIER.claims(token(), AT).jti


def test_a_token_lives_ten_minutes_to_the_second() -> None:
    text = token()

    VERIFIER.claims(text, AT + LIFETIME - timedelta(seconds=1))
    with pytest.raises(InvalidToken):
        VERIFIER.claims(text, AT + LIFETIME)


def test_a_clock_that_is_a_little_ahead_is_forgiven_and_one_far_ahead_is_not() -> None:
    VERIFIER.claims(token(AT + timedelta(seconds=LEEWAY_S)), AT)
    with pytest.raises(InvalidToken):
        VERIFIER.claims(token(AT + timedelta(seconds=LEEWAY_S + 1)), AT)


def test_the_forger_starts_from_a_good_token() -> None:
    assert VERIFIER.claims(FORGER.good, AT).sub == PERSON


def test_a_claim_of_a_newer_version_is_let_pass() -> None:
    assert VERIFIER.claims(FORGER.with_claims(amr="pwd"), AT).sub == PERSON


def test_there_are_enough_hostile_tokens() -> None:
    assert len(HOSTILE) >= 350


def test_no_hostile_token_is_accepted_and_each_is_the_same_401() -> None:
    answers = {name: answer(hostile) for name, hostile in HOSTILE.items()}

    assert {name: found for name, found in answers.items() if found != (401, "auth.invalid_token", {})} == {}


@given(place=st.integers(min_value=0, max_value=len(FORGER.good) - 1), sign=st.characters())
def test_any_changed_sign_is_refused(place: int, sign: str) -> None:
    changed = FORGER.good[:place] + sign + FORGER.good[place + 1 :]

    if changed != FORGER.good:
        with pytest.raises(InvalidToken):
            VERIFIER.claims(changed, AT)


@given(
    place=st.integers(min_value=0, max_value=10_000),
    bit=st.integers(min_value=0, max_value=7),
    segment=st.integers(min_value=0, max_value=2),
)
def test_any_flipped_bit_is_refused(place: int, bit: int, segment: int) -> None:
    decoded = [bytearray(base64.urlsafe_b64decode(part + "==")) for part in FORGER.good.split(".")]
    decoded[segment][place % len(decoded[segment])] ^= 1 << bit

    with pytest.raises(InvalidToken):
        VERIFIER.claims(".".join(encoded(bytes(part)) for part in decoded), AT)


@given(text=st.text(max_size=80))
def test_any_text_at_all_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        VERIFIER.claims(text, AT)


@given(header=st.binary(max_size=200), claims=st.binary(max_size=200))
def test_any_bytes_well_signed_are_refused(header: bytes, claims: bytes) -> None:
    with pytest.raises(InvalidToken):
        VERIFIER.claims(signed(RING.current, header, claims), AT)


def test_a_refused_token_costs_less_than_ten_milliseconds() -> None:
    slowest = max(min(timeit.repeat(partial(answer, hostile), number=1, repeat=3, timer=process_time)) for hostile in HOSTILE.values())

    assert slowest < 0.010


def test_a_token_outlives_the_rotation_of_its_key() -> None:
    text = token()
    rotated = RING.rotated(AT, overlap=timedelta(hours=1))

    claims = Verifier(rotated, issuer="converto", audience="converto-api").claims(text, AT + timedelta(minutes=9))

    assert claims.sub == PERSON


def test_a_token_of_a_dropped_key_is_refused() -> None:
    text = token()
    rotated = RING.rotated(AT, overlap=timedelta(0)).rotated(AT, overlap=timedelta(0))

    with pytest.raises(InvalidToken):
        Verifier(rotated, issuer="converto", audience="converto-api").claims(text, AT)


def test_the_key_set_shows_public_halves_only() -> None:
    shown = key_set(RING).model_dump()["keys"]

    assert [key["kid"] for key in shown] == [RING.current.kid, RING.next.kid]
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in shown)


def test_anybody_can_check_a_token_by_the_key_set() -> None:
    public = key_set(RING).keys[0]
    x, y = (int.from_bytes(base64.urlsafe_b64decode(part + "=="), "big") for part in (public.x, public.y))
    body, _, signature = token().rpartition(".")
    pair = base64.urlsafe_b64decode(signature + "==")

    ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(
        encode_dss_signature(int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big")),
        body.encode(),
        ec.ECDSA(hashes.SHA256()),
    )
