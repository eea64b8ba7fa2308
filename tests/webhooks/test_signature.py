"""What the receivers' own library makes of our signature, and when a delivery is tried again."""

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from converto.events.webhooks.schedule import RETRIES_S, TRIES, break_s, pause_s, retry_after_s
from converto.events.webhooks.seal import Seal, WrongKey
from converto.events.webhooks.signature import new_secret, signed_headers

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@given(st.text())
def test_the_receivers_library_verifies_what_is_signed(text: str) -> None:
    secret, body = new_secret(), text.encode(errors="replace")
    headers = signed_headers("7", int(time.time()), body, secrets_in_force=[secret])
    Webhook(secret).verify(body, dict(headers), json_parse=False)


def test_each_secret_in_force_verifies_and_no_other() -> None:
    new, old, other = new_secret(), new_secret(), new_secret()
    headers = dict(signed_headers("7", int(time.time()), b"{}", secrets_in_force=[new, old]))
    assert [Webhook(secret).verify(b"{}", headers) for secret in (new, old)] == [{}, {}]
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(b"{}", headers)


@pytest.mark.parametrize("change", ["webhook-id", "webhook-timestamp", "body"])
def test_nothing_that_is_signed_can_be_changed(change: str) -> None:
    secret, at = new_secret(), int(time.time())
    headers = dict(signed_headers("7", at, b"{}", secrets_in_force=[secret]))
    headers |= {"webhook-id": {"webhook-id": "8"}, "webhook-timestamp": {"webhook-timestamp": str(at - 1)}}.get(change, {})
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"[]" if change == "body" else b"{}", headers)


def test_a_secret_is_32_random_bytes() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert (len(secrets), {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in secrets}) == (100, {32})


def test_a_sealed_secret_opens_with_its_key_for_its_endpoint_alone() -> None:
    seal = Seal("a key of the tests")
    closed = seal.close("whsec_x", of="endpoint")
    assert (seal.open(closed, of="endpoint"), "whsec" in closed) == ("whsec_x", False)
    for other, of in ((seal, "another"), (Seal("another key"), "endpoint")):
        with pytest.raises(WrongKey):
            other.open(closed, of=of)


def test_the_pauses_are_those_of_the_schedule_give_or_take_a_tenth() -> None:
    assert (TRIES, sum(RETRIES_S)) == (10, 5 + 35 * 60 + 75 * 3600)
    found = [pause_s(failures) / usual for failures, usual in enumerate(RETRIES_S, start=1) for _ in range(100)]
    assert 0.9 <= min(found) < max(found) <= 1.1
    assert len(set(found)) > 800


def test_an_endpoint_that_asks_for_more_time_gets_it_up_to_a_day() -> None:
    assert [pause_s(1, retry_after_s=asked) for asked in (60.0, 1e9)] == [60.0, 86_400.0]
    assert pause_s(1, retry_after_s=0.0) >= 4.5


RETRY_AFTER = {
    None: None,
    "": None,
    "soon": None,
    "-1": None,
    "1.5": None,
    "0": 0.0,
    " 120 ": 120.0,
    "9" * 400: 86_400.0,
    "²": None,
    "Mon, 23 Nov 2026 12:01:00 GMT": 60.0,
    "Mon, 23 Nov 2026 11:00:00 GMT": 0.0,
    "Mon, 23 Nov 2026 12:01:00": None,
    "Fri, 31 Dec 9999 23:59:59 -2359": 86_400.0,
    "Mon, 99 Nov 2026 12:01:00 GMT": None,
}


@pytest.mark.parametrize("header", RETRY_AFTER)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None) -> None:
    assert retry_after_s(header, at=AT) == RETRY_AFTER[header]


@given(st.text())
def test_any_retry_after_is_borne_with(header: str) -> None:
    found = retry_after_s(header, at=AT)
    assert found is None or 0 <= found <= 86_400


def test_the_breaks_of_a_failing_endpoint_grow_to_a_quarter_of_an_hour() -> None:
    assert [break_s(failures, threshold=5) for failures in (1, 4, 5, 6, 7, 10, 11, 1000)] == [0, 0, 30, 60, 120, 900, 900, 900]
