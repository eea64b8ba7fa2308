import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from converto.kernel import service_token
from converto.kernel.actor import ActorKind
from converto.kernel.service_token import BadServiceToken, mint

OLD, NEW = SecretStr("the secret of yesterday"), SecretStr("the secret of today")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKEN = mint([NEW], "reporting", lasts=timedelta(days=1), at=NOON)


def test_a_token_stands_for_a_service() -> None:
    actor = service_token.actor([NEW], TOKEN, at=NOON)

    assert actor.kind is ActorKind.SERVICE
    assert "events:service" in actor.scopes
    assert actor.tenant_id == service_token.NOBODY


def test_a_token_of_the_secret_before_is_taken_until_that_goes() -> None:
    older = mint([OLD], "reporting", lasts=timedelta(days=1), at=NOON)

    assert service_token.actor([NEW, OLD], older, at=NOON).kind is ActorKind.SERVICE
    with pytest.raises(BadServiceToken):
        service_token.actor([NEW], older, at=NOON)


def test_a_token_ends() -> None:
    with pytest.raises(BadServiceToken):
        service_token.actor([NEW], TOKEN, at=NOON + timedelta(days=1))


def test_without_secrets_no_token_is_good() -> None:
    with pytest.raises(BadServiceToken):
        service_token.actor([], TOKEN, at=NOON)


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="utf-8"))
def test_a_changed_token_is_refused(place: int, letter: str) -> None:
    changed = TOKEN[:place] + letter + TOKEN[place + 1 :]
    if changed != TOKEN and place >= len(service_token.PREFIX):
        with pytest.raises(BadServiceToken):
            service_token.actor([NEW], changed, at=NOON)


@given(st.text())
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(BadServiceToken):
        service_token.actor([NEW], service_token.PREFIX + text, at=NOON)


@pytest.mark.parametrize(
    "claims", [b"", b"{}", b"[1]", b'{"name": 1, "ends": 1}', b'{"name": "a", "ends": 99999999999, "more": 1}', b"\xff"]
)
def test_signed_nonsense_is_refused(claims: bytes) -> None:
    written = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
    token = f"{service_token.PREFIX}{written}.{service_token._signature(NEW, written)}"

    with pytest.raises(BadServiceToken):
        service_token.actor([NEW], token, at=NOON)


def test_a_token_for_billing_gives_nothing_else() -> None:
    token = mint([NEW], "ops", lasts=timedelta(hours=1), at=NOON, scopes=service_token.OF_BILLING)
    assert service_token.actor([NEW], token, at=NOON).scopes == frozenset({"billing:correct"})
