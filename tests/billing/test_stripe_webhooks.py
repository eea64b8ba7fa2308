"""What Stripe posts, over HTTP: what it did not sign is refused with 400, what it did is kept and acknowledged, whatever it is about."""

import importlib
import typing
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest
import stripe
from sqlalchemy import func, select
from stripe._object_classes import OBJECT_CLASSES
from stripe.events._event_classes import _V2_EVENT_NOTIFICATION_CLASS_LOOKUP

from converto.billing.interface import Billing
from converto.billing.models import StripeEventRow
from converto.billing.webhook_signature import TOLERANCE_S, signed
from converto.kernel.clock import now
from tests.billing.bank import SECRET
from tests.billing.storefront import Storefront, eventually, storefront

TYPES: tuple[str, ...] = typing.get_args(typing.get_type_hints(stripe.Event)["type"])
"""The types of Stripe's first API, as its own library knows them."""
THIN_TYPES = tuple(_V2_EVENT_NOTIFICATION_CLASS_LOOKUP)
"""Those of its second API, whose events bring no object along."""
PAYLOAD = b'{"id": "evt_forged", "object": "event", "type": "invoice.paid", "data": {"object": {"object": "invoice", "id": "in_1"}}}'


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storefront]:
    """Return the product, which sells."""
    async with storefront(tmp_path_factory.mktemp("data"), sells=True) as opened:
        yield opened


async def kept(shop: Storefront, *wanted: Any) -> int:
    """Return how many webhooks are in the inbox."""
    database = shop.app.state.edge.runtime.hosted["billing"].database.across_tenants
    async with database.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(StripeEventRow).where(*wanted)) or 0)


def headers() -> Mapping[str, bytes]:
    """Return signatures that are none, by what is wrong with them."""
    at = int(now().timestamp())

    def of(at_s: int, *, secret: str = SECRET, payload: bytes = PAYLOAD) -> bytes:
        return f"t={at_s},v1={signed(payload, secret, at_s)}".encode()

    good = of(at)
    return {
        "empty": b"",
        "another secret": of(at, secret="whsec_other"),
        "an empty secret": of(at, secret=""),
        "another payload": of(at, payload=b"{}"),
        "stale": of(at - TOLERANCE_S - 2),
        "very stale": of(0),
        "of the future": of(at + TOLERANCE_S + 60),
        "of the far future": of(10**11),
        "of no time": f"t={10**30},v1={'0' * 64}".encode(),
        "below zero": of(-at),
        "no moment": good.partition(b",")[2],
        "two moments": b"t=1," + good,
        "no signature": good.partition(b",")[0],
        "another scheme": good.replace(b"v1", b"v0"),
        "upper case": good.upper(),
        "cut": good[:-1],
        "spaces": good.replace(b",", b" , "),
        "not hexadecimal": f"t={at},v1={'z' * 64}".encode(),
        "UTF-8": f"t={at},v1=é".encode(),
        "UTF-8 digits": f"t={'٣' * 10},v1={'0' * 64}".encode(),
        "Latin-1": f"t={at},v1=é".encode("latin-1"),
        "bytes above 127": f"t={at},v1=".encode() + bytes(range(128, 192)),
        "only commas": b"," * 500,
        "only equals": b"=" * 500,
        "long": good + b",v1=" + b"0" * 6_000,
        "a list": b"[1, 2]",
    }


async def test_no_forged_signature_is_taken_and_none_is_an_error_of_ours(shop: Storefront) -> None:
    answers = {what: (await shop.tell(PAYLOAD, header=header)).status_code for what, header in headers().items()}
    unsigned = await shop.http.post("/billing/webhooks/stripe", content=PAYLOAD, headers={"content-type": "application/json"})
    too_long = answers.pop("long")
    assert answers == dict.fromkeys(answers, 400)
    assert (too_long, unsigned.status_code) == (422, 400)
    assert await kept(shop, StripeEventRow.id == "evt_forged") == 0


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b'{"id": 1}', b'{"id": "a", "object": "event", "type": "b", "data": []}', b"\xff\xfe", b"{" * 500]
)
async def test_what_is_signed_well_and_no_event_is_refused(shop: Storefront, payload: bytes) -> None:
    assert (await shop.tell(payload)).status_code == 400


def snapshot(kind: str) -> dict[str, Any]:
    """Return an event of Stripe's first API with every field that its library knows of it, and of the object that it is about."""
    parts = kind.replace("issuing_", "issuing.", 1).split(".")
    names = [".".join(parts[first:last]) for last in range(len(parts) - 1, 0, -1) for first in range(last)]
    name = next(one for one in names if one in OBJECT_CLASSES)
    module, class_name = OBJECT_CLASSES[name]
    fields = _fields(getattr(importlib.import_module(module), class_name))
    about = {**fields, "id": "x_1", "object": name, **({"customer": "cus_of_another"} if "customer" in fields else {})}
    request = {"id": None, "idempotency_key": None}
    more = {"id": f"evt_{kind}", "object": "event", "type": kind, "created": 1_790_000_000, "livemode": False, "pending_webhooks": 1}
    return {**_fields(stripe.Event), "request": request, **more, "data": {"object": about, "previous_attributes": None}}


def thin(kind: str) -> dict[str, Any]:
    """Return an event of Stripe's second API."""
    related = {"id": "x_1", "type": kind.split(".")[1], "url": "/v1/x/x_1"}
    more = {"id": f"evt_{kind}", "type": kind, "created": "2026-11-23T12:00:00.000Z", "livemode": False, "reason": None, "context": None}
    return {"object": "v2.core.event", **more, "related_object": related if len(kind) % 2 else None}


def _fields(of: type) -> dict[str, Any]:
    return {name: None for name in of.__annotations__ if not name.startswith("_") and name != "OBJECT_NAME"}


async def test_every_type_of_event_is_kept_and_acknowledged_in_its_official_shape(shop: Storefront) -> None:
    events = [*map(snapshot, TYPES), *map(thin, THIN_TYPES)]
    answers = [await shop.tell(event) for event in (events[0], events[-1], events[0])]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, '{"received":true}')}
    billing, at_s = shop.app.state.edge.runtime.interfaces[Billing], int(now().timestamp())
    for payload in map(orjson.dumps, events[1:-1]):  # what answers over HTTP, without the way there
        await billing.receive_webhook(payload, f"t={at_s},v1={signed(payload, SECRET, at_s)}")
    assert len(TYPES) > 250
    assert await kept(shop, StripeEventRow.id.in_([event["id"] for event in events])) == len({*TYPES, *THIN_TYPES})


async def test_webhooks_that_come_doubled_shuffled_and_late_end_in_what_is_true(shop: Storefront) -> None:
    shop = await shop.for_another()
    bank = shop.bank
    assert bank is not None
    bank.desk.hooks.is_shuffled, bank.desk.hooks.copies = True, 3
    await shop.subscribe("starter")
    answer = await shop.owner.ask("PATCH", "/billing/subscription", json={"plan": "enterprise"})
    assert answer.status_code == 200
    assert (await shop.owner.ask("DELETE", "/billing/subscription?at_once=true")).json()["status"] == "canceled"

    async def is_all_delivered() -> bool:
        return (
            bank.desk.hooks.waiting == 0
            and await kept(shop, StripeEventRow.customer_id.like("cus_0%"), StripeEventRow.handled_at.is_(None)) == 0
        )

    await eventually(is_all_delivered)
    assert (await shop.owner.get("/billing/entitlements")).json()["status"] == "read_only"
    paid = (await shop.owner.get("/billing/payments")).json()["items"]
    (customer,) = [one["id"] for one in bank.fake.records.all("customer") if one["metadata"]["tenant_id"] == str(shop.company)]
    ours = [(one["id"], one["status"]) for one in bank.fake.records.all("charge", customer=customer)]
    assert sorted((one["id"], one["status"]) for one in paid) == sorted(ours)


async def test_the_operator_gives_money_back_once_under_a_reference(shop: Storefront) -> None:
    shop = await shop.for_another()
    await shop.subscribe("starter")
    (payment,) = (await shop.operate("GET", "/payments")).json()["items"]
    wanted = {"payment_id": payment["id"], "amount": "10.00", "reference": "ticket 7"}
    for _ in range(2):
        answer = await shop.operate("POST", "/refunds", json=wanted)
        assert (answer.status_code, answer.json()["refunded"]) == (200, {"amount": "10.00", "currency": "EUR"})
    too_much = await shop.operate("POST", "/refunds", json={**wanted, "amount": "900.00", "reference": "ticket 8"})
    assert (too_much.status_code, too_much.json()["code"]) == (422, "billing.bad_refund")
    assert (await shop.operate("POST", "/reconcile")).json() == {"changed": 0, "details": []}
