"""Stripe, by its own library: in threads, with time limits, retries and idempotency keys."""

import asyncio
import contextlib
import functools
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog

from converto.billing.payments import CardDeclined, Customer, Params, PaymentRefused, PaymentsAway, Wanted, price_key
from converto.billing.plans import Interval, PlanVersion
from converto.billing.seen import Quote, Seen, SeenCharge, SeenSubscription, charge_of, invoice_of, quote_of, subscription_of
from converto.billing.tax import RATE
from converto.kernel.money import Money

PAGE = 100
WISH_MARK = "converto_wish"
TAX_MARK = "converto_fi_vat"
log = structlog.get_logger()


class StripeClient:
    """Takes the money through Stripe, or whatever speaks like it at `url`."""

    def __init__(self, key: str, *, url: str | None, timeout_s: float, retries: int) -> None:
        self._key = key
        self._url = url
        self._timeout_s = timeout_s
        self._retries = retries
        self._prices: dict[str, str] = {}
        self._tax_rate: str | None = None

    async def customer(self, customer: Customer, known: str | None) -> str:
        """See `Payments.customer`."""
        params: Params = {
            "address": {"country": customer.country},
            "tax_exempt": customer.treatment.value,
            "metadata": {"tenant_id": str(customer.tenant_id), "vat_id": customer.vat_id or ""},
        }
        if customer.name:
            params["name"] = customer.name
        if known is not None:
            await self._ask(lambda api: api.customers.update(known, params))
            return known
        options = {"idempotency_key": _key("customer", customer.tenant_id, params)}
        made = await self._ask(lambda api: api.customers.create(params, options))
        return str(made["id"])

    async def checkout(self, customer_id: str, wanted: Wanted, *, back_to: str) -> str:
        """See `Payments.checkout`."""
        price, tax_rate = await self._price(wanted.plan, wanted.interval), await self._tax()
        data: Params = {"default_tax_rates": [tax_rate]}
        if wanted.trial_end is not None:
            data["trial_end"] = int(wanted.trial_end.timestamp())
        params: Params = {
            "mode": "subscription",
            "customer": customer_id,
            "line_items": [{"price": price, "quantity": 1}],
            "subscription_data": data,
            "success_url": f"{back_to}?subscribed=yes",
            "cancel_url": f"{back_to}?subscribed=no",
        }
        if wanted.coupon:
            params["discounts"] = [{"coupon": wanted.coupon}]
        return await self._only_session(customer_id, params)

    async def _only_session(self, customer_id: str, params: Params) -> str:
        """Open a checkout and close every other: what is paid on two pages would be two subscriptions."""
        wish = _key("checkout", customer_id, params)
        before = await self._sessions(customer_id)
        for one in (found for found in before if found["status"] == "open"):
            if (one.get("metadata") or {}).get(WISH_MARK) == wish:
                return str(one["url"])
            await self._expire(one["id"])  # refused where somebody has just paid there
        # who asks for the same at the same moment knows the same sessions and gets this one; who asks again later knows it
        options = {"idempotency_key": f"{wish}:{before[0]['id'] if before else ''}"}
        made = await self._ask(lambda api: api.checkout.sessions.create({**params, "metadata": {WISH_MARK: wish}}, options))
        still_open = [one["id"] for one in await self._sessions(customer_id) if one["status"] == "open"]
        for other in still_open[1:]:  # who asked for something else at the same moment: the newest page stays
            with contextlib.suppress(PaymentRefused):
                await self._expire(other)
        return str(made["url"])

    async def _sessions(self, customer_id: str) -> list[dict[str, Any]]:
        """Return a customer's newest checkouts, the newest first; one that is older than a day is not open any more."""
        found = await self._ask(lambda api: api.checkout.sessions.list({"customer": customer_id, "limit": PAGE}))
        return list(found["data"])

    async def _expire(self, session_id: str) -> None:
        await self._ask(lambda api: api.checkout.sessions.expire(session_id))

    async def portal(self, customer_id: str, *, back_to: str) -> str:
        """See `Payments.portal`."""
        made = await self._ask(lambda api: api.billing_portal.sessions.create({"customer": customer_id, "return_url": back_to}))
        return str(made["url"])

    async def quote(self, subscription: SeenSubscription, wanted: Wanted, *, at: datetime) -> Quote:
        """See `Payments.quote`."""
        details = await self._changed(subscription, wanted, at)
        params = {"subscription": subscription.id, "subscription_details": details}
        return quote_of(await self._ask(lambda api: api.invoices.create_preview(params)), at)

    async def change(self, subscription: SeenSubscription, wanted: Wanted, *, at: datetime) -> None:
        """See `Payments.change`."""
        params = await self._changed(subscription, wanted, at)
        options = {"idempotency_key": _key("change", subscription.id, params)}
        await self._ask(lambda api: api.subscriptions.update(subscription.id, params, options))

    async def _changed(self, subscription: SeenSubscription, wanted: Wanted, at: datetime) -> Params:
        price = await self._price(wanted.plan, wanted.interval)
        return {
            "items": [{"id": subscription.item_id, "price": price}],
            "proration_behavior": "always_invoice",
            "proration_date": int(at.timestamp()),
        }

    async def cancel(self, subscription_id: str, *, at_once: bool) -> None:
        """See `Payments.cancel`."""
        if at_once:
            await self._ask(lambda api: api.subscriptions.cancel(subscription_id))
        else:
            await self._ask(lambda api: api.subscriptions.update(subscription_id, {"cancel_at_period_end": True}))

    async def resume(self, subscription_id: str) -> None:
        """See `Payments.resume`."""
        await self._ask(lambda api: api.subscriptions.update(subscription_id, {"cancel_at_period_end": False}))

    async def undo(self, subscription_id: str) -> None:
        """See `Payments.undo`; the money first, for what has ended is not looked at again."""
        for invoice in await self._all("invoices", {"subscription": subscription_id}):
            if invoice["status"] == "paid" and invoice["total"] > 0 and not invoice.get("post_payment_credit_notes_amount"):
                # what was paid by card goes back to the card, and what was taken from the balance into the balance
                paid, total = invoice["amount_paid"], invoice["total"]
                back = {"amount": total, "refund_amount": paid, "credit_amount": total - paid}
                params = {"invoice": invoice["id"], "reason": "duplicate", **{name: cents for name, cents in back.items() if cents}}
                await self._credit(params)
        await self.cancel(subscription_id, at_once=True)

    async def _credit(self, params: Params) -> None:
        options = {"idempotency_key": _key("undo", params["invoice"], params)}
        await self._ask(lambda api: api.credit_notes.create(params, options))

    async def refund(self, charge: SeenCharge, cents: int, *, reference: str | None = None) -> None:
        """See `Payments.refund`."""
        # without a reference what had been given back before is part of the key: the same asked again is the same, one more is another
        wish: Params = {"before": charge.refunded_cents, "cents": cents}
        if reference is not None:  # a key is remembered for a day, the reference for ever
            made = await self._all("refunds", {"charge": charge.id})
            tried = [one for one in made if (one.get("metadata") or {}).get("reference") == reference]
            given = [one["amount"] for one in tried if one["status"] not in {"failed", "canceled"}]
            if given == [cents]:
                return
            if given:
                raise PaymentRefused(reason=f"{Money.of_cents(given[0]).amount} was given back under {reference!r} already")
            wish = {"reference": reference, "failed": len(tried)}
        params = {"charge": charge.id, "amount": cents, "metadata": {"reference": reference or ""}}
        await self._ask(lambda api: api.refunds.create(params, {"idempotency_key": _key("refund", charge.id, wish)}))

    async def report(self, customer_id: str, *, meter: str, quantity: int, identifier: str, at: datetime) -> None:
        """See `Payments.report`."""
        params = {
            "event_name": meter,
            "payload": {"stripe_customer_id": customer_id, "value": str(quantity)},
            "identifier": identifier,
            "timestamp": int(at.timestamp()),
        }
        try:
            await self._ask(lambda api: api.billing.meter_events.create(params))
        except PaymentRefused as refusal:
            if "identifier" not in refusal.details["reason"]:  # one that is there already is delivered
                raise

    async def look(self, customer_id: str) -> Seen:
        """See `Payments.look`."""
        whose = {"customer": customer_id}
        # the charges first: whatever they are for is there by then
        charges = await self._all("charges", whose)
        invoices = await self._all("invoices", whose)
        subscriptions = await self._all("subscriptions", {**whose, "status": "all"})
        return Seen(
            subscriptions=tuple(map(subscription_of, subscriptions)),
            invoices=tuple(invoice_of(one) for one in invoices if one["status"] != "draft"),
            charges=tuple(map(charge_of, charges)),
        )

    async def _price(self, plan: PlanVersion, interval: Interval) -> str:
        """Return the id of a plan's price, which is made where it is not there yet."""
        key = price_key(plan, interval)
        if key not in self._prices:
            found = await self._ask(lambda api: api.prices.list({"lookup_keys": [key], "limit": 1}))
            if not found["data"]:
                product = await self._ask(
                    lambda api: api.products.create({"name": plan.title}, {"idempotency_key": f"product:{plan.name}:{plan.version}"})
                )
                params = {
                    "product": product["id"],
                    "currency": "eur",
                    "unit_amount": plan.cents[interval],
                    "recurring": {"interval": interval.value},
                    "lookup_key": key,
                    "nickname": f"{plan.title}, {interval.value}",
                }
                found = {"data": [await self._ask(lambda api: api.prices.create(params, {"idempotency_key": f"price:{key}"}))]}
            self._prices[key] = str(found["data"][0]["id"])
        return self._prices[key]

    async def _tax(self) -> str:
        """Return the id of the Finnish tax rate, which is made where it is not there yet."""
        if self._tax_rate is None:
            rates = await self._all("tax_rates", {})
            known = [one for one in rates if (one.get("metadata") or {}).get(TAX_MARK) == RATE]
            params = {"display_name": "ALV", "percentage": RATE, "inclusive": False, "country": "FI", "metadata": {TAX_MARK: RATE}}
            made = known[0] if known else await self._ask(lambda api: api.tax_rates.create(params, {"idempotency_key": f"tax:{RATE}"}))
            self._tax_rate = str(made["id"])
        return self._tax_rate

    async def _all(self, what: str, whose: Params) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self._run(lambda _: self._pages(what, {**whose, "limit": PAGE}))
        return found

    def _pages(self, what: str, params: Params) -> list[dict[str, Any]]:
        """Return every one of a list, as it was sent: to make objects of years of invoices takes ten times as long as to read them."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._client.raw_request("get", f"/v1/{what}", **params).data
            found += page["data"]
            if not page["has_more"]:
                return found
            params["starting_after"] = found[-1]["id"]

    async def _ask(self, ask: Callable[[Any], Any]) -> dict[str, Any]:
        found: dict[str, Any] = await self._run(lambda api: ask(api).to_dict())
        return found

    async def _run(self, ask: Callable[[Any], Any]) -> Any:
        return await asyncio.to_thread(self._now, ask)

    def _now(self, ask: Callable[[Any], Any]) -> Any:
        import stripe  # noqa: PLC0415 - 17 MB, for who takes money

        try:
            return ask(self._api)
        except stripe.CardError as error:
            raise CardDeclined(reason=_reason(error)) from error
        except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
            raise PaymentRefused(reason=_reason(error)) from error
        except stripe.StripeError as error:
            log.warning("billing.payments_away", error=type(error).__name__)
            raise PaymentsAway(module="billing", retry_after_s=5) from error

    @property
    def _api(self) -> Any:
        return self._client.v1

    @functools.cached_property
    def _client(self) -> Any:
        import stripe  # noqa: PLC0415 - as above

        return stripe.StripeClient(
            self._key,
            base_addresses={"api": self._url} if self._url else {},
            http_client=stripe.RequestsClient(timeout=self._timeout_s),
            max_network_retries=self._retries,
        )


def _key(what: str, about: object, params: Mapping[str, Any]) -> str:
    """Return an idempotency key that is the same for the same wish, whoever asks again."""
    return f"{what}:{about}:{hashlib.sha256(repr(sorted(params.items())).encode()).hexdigest()[:32]}"


def _reason(error: Any) -> str:
    return str(error.user_message or error)[:300]
