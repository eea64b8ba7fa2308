import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from converto.billing.events import UsageRecorded
from converto.billing.fake_stripe.records import Refused
from converto.billing.interface import AlreadySubscribed, BadRefund, Change, NewSubscription, NoSubscription, SamePlan, Usage
from converto.billing.payments import PaymentRefused, PaymentsAway
from converto.billing.stripe_client import PAGE
from converto.billing.tax import BadVatId
from converto.billing.webhook_signature import BadSignature, signed
from converto.kernel.clock import now
from tests.billing.bank import DECLINED, SECRET, VISA, Shop
from tests.billing.house import SCANS, somebody


@pytest.fixture(autouse=True)
def _todays_clock(shop: Shop) -> None:
    shop.bank.freeze(now())


async def test_who_subscribes_has_the_plan_once_the_payment_service_says_so(shop: Shop) -> None:
    anna = somebody()
    assert (await shop.house.billing.entitlements(anna)).status == "read_only"
    await shop.subscribed(anna, "professional")
    held, bought = await shop.house.billing.entitlements(anna), await shop.house.billing.subscription(anna)
    assert (held.plan, held.status, bought.plan, bought.status) == ("professional", "active", "professional", "active")
    assert [one["type"] for one in await shop.house.told(anna, "billing.subscription")] == ["billing.subscription.created"]
    assert [one["amount"] for one in await shop.house.told(anna, "billing.payment.succ")] == [{"amount": "124.25", "currency": "EUR"}]


async def test_coming_back_from_the_page_proves_nothing(shop: Shop) -> None:
    anna = somebody()
    await shop.house.billing.subscribe(anna, NewSubscription(plan="starter"))
    with pytest.raises(NoSubscription):
        await shop.house.billing.subscription(anna)


async def test_asked_twice_the_same_page_opens(shop: Shop) -> None:
    anna = somebody()
    asked = [await shop.house.billing.subscribe(anna, NewSubscription(plan="starter")) for _ in range(2)]
    assert asked[0] == asked[1]


async def test_another_wish_closes_the_page_of_the_one_before(shop: Shop) -> None:
    anna = somebody()
    first, second = [
        (await shop.house.billing.subscribe(anna, NewSubscription(plan=plan))).checkout_url or "" for plan in ("starter", "professional")
    ]
    with pytest.raises(Refused):
        shop.bank.fake.complete(first.rpartition("/")[2], VISA)
    again = (await shop.house.billing.subscribe(anna, NewSubscription(plan="starter"))).checkout_url
    assert len({first, second, again}) == 3


async def test_of_pages_asked_for_at_the_same_moment_one_stays_open_for_one_customer(shop: Shop) -> None:
    anna = somebody()
    wishes = (NewSubscription(plan="starter"), NewSubscription(plan="professional", country="SE"))
    await asyncio.gather(*(shop.house.billing.subscribe(anna, wish) for wish in wishes), return_exceptions=True)
    known = {one["id"] for one in shop.bank.fake.records.all("customer") if one["metadata"]["tenant_id"] == str(anna.tenant_id)}
    opened = [one for one in shop.bank.fake.records.all("checkout.session", status="open") if one["customer"] in known]
    assert len(opened) == 1


async def test_who_pays_on_two_pages_has_one_subscription_and_pays_once(shop: Shop) -> None:
    anna, fake = somebody(), shop.bank.fake
    page = (await shop.house.billing.subscribe(anna, NewSubscription(plan="starter"))).checkout_url or ""
    first = fake.records.get("checkout.session", page.rpartition("/")[2])
    second = fake.create_session({**first["_params"], "metadata": {}})  # one that we could not close in time
    before = len(shop.bank.events)
    for one in (first, second):
        fake.complete(one["id"], VISA)

    await shop.deliver(shop.bank.events[before:])

    held, payments = await shop.house.billing.subscription(anna), await shop.house.billing.payments(anna)
    assert (held.id, held.status) == (first["subscription"], "active")
    assert [str(one.refunded.amount) for one in payments] == ["36.40", "0.00"]
    assert (await shop.house.billing.entitlements(anna)).status == "active"
    told = [(one["type"][21:], one["subscription_id"]) for one in await shop.house.told(anna, "billing.subscription")]
    assert told[-1] == ("cancelled", second["subscription"])
    assert (await shop.house.service.looked_at(anna.tenant_id)).changed == 0
    with pytest.raises(AlreadySubscribed):
        await shop.house.billing.subscribe(anna, NewSubscription(plan="enterprise"))


async def test_a_declined_card_begins_nothing(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna, card=DECLINED)
    assert (await shop.house.billing.entitlements(anna)).status == "read_only"
    assert await shop.house.told(anna, "billing.subscription") == []
    assert len(await shop.house.told(anna, "billing.payment.failed")) == 1


async def test_nobody_subscribes_twice(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    with pytest.raises(AlreadySubscribed):
        await shop.house.billing.subscribe(anna, NewSubscription(plan="enterprise"))


@pytest.mark.parametrize(("to", "interval"), [("professional", "month"), ("enterprise", "year"), ("starter", "year")])
async def test_the_invoice_of_a_change_is_the_one_that_was_previewed(shop: Shop, to: Any, interval: Any) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    shop.bank.advance(shop.bank.now + timedelta(days=11, hours=5))
    wanted = Change(plan=to, interval=interval, at=shop.bank.now)
    preview = await shop.house.billing.preview(anna, wanted)
    await shop.house.billing.change(anna, wanted)
    newest = (await shop.house.billing.invoices(anna))[0]
    assert (newest.net, newest.vat, newest.total, newest.paid) == (preview.net, preview.vat, preview.total, preview.due)
    assert (await shop.house.billing.entitlements(anna)).plan == to


async def test_a_downgrade_is_kept_for_the_next_invoices_and_pays_them(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna, "enterprise")
    await shop.house.billing.change(anna, Change(plan="starter", at=shop.bank.now))
    shop.bank.advance(shop.bank.now + timedelta(days=32))
    await shop.house.service.looked_at(anna.tenant_id)
    newest, change, *_ = await shop.house.billing.invoices(anna)
    assert (change.total.amount < 0, newest.total.amount, newest.paid.amount) == (True, Decimal("36.40"), Decimal("0.00"))


async def test_what_was_used_stays_used_when_the_plan_changes(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    await shop.house.billing.record(anna, Usage(feature=SCANS, quantity=321))
    await shop.house.billing.change(anna, Change(plan="professional", at=shop.bank.now))
    assert await shop.house.used(anna) == (321, 0)


async def test_the_plan_that_is_there_already_is_no_change(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    with pytest.raises(SamePlan):
        await shop.house.billing.change(anna, Change(plan="starter"))


async def test_who_cancels_keeps_what_is_paid_and_may_go_on_after_all(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    ending = await shop.house.billing.cancel(anna)
    assert (ending.status, ending.cancels_at) == ("active", ending.period_end)
    assert (await shop.house.billing.resume(anna)).cancels_at is None
    await shop.house.billing.cancel(anna)
    shop.bank.advance(shop.bank.now + timedelta(days=32))
    await shop.house.service.looked_at(anna.tenant_id)
    assert (await shop.house.billing.entitlements(anna)).status == "read_only"
    assert len(await shop.house.told(anna, "billing.subscription.cancelled")) == 1
    assert len(await shop.house.billing.invoices(anna)) == 1


async def test_who_cancels_at_once_may_only_read(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    assert (await shop.house.billing.cancel(anna, at_once=True)).status == "canceled"
    assert (await shop.house.billing.entitlements(anna)).status == "read_only"
    with pytest.raises(NoSubscription):
        await shop.house.billing.resume(anna)


async def test_after_a_failed_payment_there_are_days_of_grace_and_another_card_ends_them(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    customer = shop.bank.fake.records.all("customer")[0]
    shop.bank.fake.update_customer(customer["id"], {"invoice_settings": {"default_payment_method": DECLINED}})
    shop.bank.advance(shop.bank.now + timedelta(days=31, hours=1))
    await shop.house.service.looked_at(anna.tenant_id)
    late = await shop.house.billing.entitlements(anna)
    assert late.grace_until is not None
    assert late.status == "past_due"
    url = await shop.house.billing.portal(anna)
    assert url.startswith(shop.bank.url)
    shop.bank.fake.update_customer(customer["id"], {"invoice_settings": {"default_payment_method": VISA}})
    shop.bank.advance(shop.bank.now + timedelta(days=4))
    await shop.house.service.looked_at(anna.tenant_id)
    assert (await shop.house.billing.entitlements(anna)).status == "active"
    assert [one["type"][8:] for one in await shop.house.told(anna, "billing.payment.")] == [
        "payment.succeeded",
        "payment.failed",
        "payment.succeeded",
    ]


@pytest.mark.parametrize(
    ("country", "vat_id", "vat", "is_reverse"),
    [("FI", None, "7.40", False), ("FI", "FI20774740", "7.40", False), ("DE", "DE136695976", "0.00", True), ("DE", None, "7.40", False)],
)
async def test_an_invoice_has_finnish_vat_or_reverse_charge(
    shop: Shop, country: str, vat_id: str | None, vat: str, *, is_reverse: bool
) -> None:
    anna = somebody()
    await shop.subscribed(anna, country=country, vat_id=vat_id)
    (invoice,) = await shop.house.billing.invoices(anna)
    assert (str(invoice.net.amount), str(invoice.vat.amount), invoice.is_reverse_charge) == ("29.00", vat, is_reverse)


async def test_a_vat_number_with_a_wrong_check_digit_is_refused(shop: Shop) -> None:
    with pytest.raises(BadVatId):
        await shop.house.billing.subscribe(somebody(), NewSubscription(plan="starter", country="DE", vat_id="DE136695977"))


async def test_a_coupon_makes_it_cheaper_for_as_long_as_it_lasts(shop: Shop) -> None:
    anna = somebody()
    shop.bank.fake.create_coupon({"id": f"half-{anna.tenant_id}", "percent_off": "50", "duration": "once"})
    await shop.subscribed(anna, coupon=f"half-{anna.tenant_id}")
    shop.bank.advance(shop.bank.now + timedelta(days=32))
    await shop.house.service.looked_at(anna.tenant_id)
    assert [str(one.net.amount) for one in await shop.house.billing.invoices(anna)] == ["29.00", "14.50"]


async def test_an_unknown_coupon_is_refused(shop: Shop) -> None:
    anna = somebody()
    with pytest.raises(PaymentRefused):
        await shop.house.billing.subscribe(anna, NewSubscription(plan="starter", coupon="nothing"))


async def test_a_refund_is_made_and_never_more_than_was_paid(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    (payment,) = await shop.house.billing.payments(anna)
    await shop.house.billing.refund(anna, payment.id, cents=1_000)
    (refunded,) = await shop.house.billing.payments(anna)
    assert str(refunded.refunded.amount) == "10.00"
    with pytest.raises(BadRefund):
        await shop.house.billing.refund(anna, payment.id, cents=2_641)


async def test_what_was_given_back_under_a_reference_is_never_given_back_again(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    (payment,) = await shop.house.billing.payments(anna)
    for _ in range(2):  # the payment service forgets an idempotency key after a day
        await shop.house.billing.refund(anna, payment.id, cents=1_000, reference="case 7")
        shop.bank.advance(shop.bank.now + timedelta(days=3))
    with pytest.raises(PaymentRefused):
        await shop.house.billing.refund(anna, payment.id, cents=999, reference="case 7")
    await shop.house.billing.refund(anna, payment.id, cents=1_000, reference="case 8")
    (refunded,) = await shop.house.billing.payments(anna)
    assert str(refunded.refunded.amount) == "20.00"


async def test_a_company_sees_no_payment_of_another(shop: Shop) -> None:
    anna, boris = somebody(), somebody()
    await shop.subscribed(anna)
    (payment,) = await shop.house.billing.payments(anna)
    assert await shop.house.billing.payments(boris) == ()
    with pytest.raises(BadRefund):
        await shop.house.billing.refund(boris, payment.id, cents=1)


async def test_a_missed_webhook_is_made_up_for_by_reconciliation(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    shop.bank.advance(shop.bank.now + timedelta(days=32))
    drift = dict(await shop.house.service.reconcile_all())
    assert drift[anna.tenant_id].changed == 3  # the subscription, an invoice, a charge
    assert (await shop.house.service.looked_at(anna.tenant_id)).changed == 0


async def test_what_does_not_fit_one_page_of_the_payment_service_is_taken_in_as_well(shop: Shop) -> None:
    anna, records = somebody(), shop.bank.fake.records
    await shop.subscribed(anna)
    (charge,) = [one for one in records.all("charge") if one["customer"] == records.all("customer")[0]["id"]]
    for _ in range(2 * PAGE):
        records.add("charge", **{name: value for name, value in charge.items() if name not in ("id", "object", "created", "livemode")})
    assert (await shop.house.service.looked_at(anna.tenant_id)).changed == 2 * PAGE


async def test_while_the_payment_service_is_away_what_was_known_holds_and_nothing_is_charged_twice(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    shop.bank.desk.wrongs.mode, shop.bank.desk.wrongs.times = "500", 10**6
    try:
        with pytest.raises(PaymentsAway):
            await shop.house.billing.change(anna, Change(plan="professional", at=shop.bank.now))
        assert (await shop.house.billing.entitlements(anna)).status == "active"
        assert len(await shop.house.billing.invoices(anna)) == 1
    finally:
        shop.bank.desk.wrongs.times = 0
    at = shop.bank.now
    await asyncio.gather(*(shop.house.billing.change(anna, Change(plan="professional", at=at)) for _ in range(3)), return_exceptions=True)
    assert len(await shop.house.billing.invoices(anna)) == 2


async def test_usage_is_reported_once_and_what_is_there_already_counts_as_reported(shop: Shop) -> None:
    anna = somebody()
    await shop.subscribed(anna)
    event = UsageRecorded(tenant_id=anna.tenant_id, feature=SCANS, quantity=7, used=7, limit=500, period_start=now(), period_end=now())
    for _ in range(2):
        await shop.house.service.reporting.note(event)
    shop.bank.fake.create_meter_event({"identifier": str(event.id), "event_name": SCANS, "payload": {"value": "7"}})
    assert await shop.house.service.reporting.send() == 1
    assert await shop.house.service.reporting.send() == 0
    assert [one["identifier"] for one in shop.bank.fake.records.all("billing.meter_event") if one["identifier"] == str(event.id)] == [
        str(event.id)
    ]


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'{"id": 1}', b'{"id": "a", "type": "b", "data": []}', b"\xff\xfe", b"{" * 500])
async def test_a_signed_webhook_that_is_none_is_refused(shop: Shop, payload: bytes) -> None:
    at_s = int(now().timestamp())
    with pytest.raises(BadSignature):
        await shop.house.billing.receive_webhook(payload, f"t={at_s},v1={signed(payload, SECRET, at_s)}")


@pytest.mark.parametrize("kind", ["account.updated", "balance.available", "a.type.of.tomorrow", "customer.deleted", "issuing_card.created"])
async def test_an_event_of_any_type_is_kept_and_acknowledged(shop: Shop, kind: str) -> None:
    event = {"id": f"evt_{kind}", "object": "event", "type": kind, "data": {"object": {"id": "x_1", "object": "x"}}}
    payload, at_s = orjson.dumps(event), int(now().timestamp())
    for _ in range(2):
        await shop.house.billing.receive_webhook(payload, f"t={at_s},v1={signed(payload, SECRET, at_s)}")
