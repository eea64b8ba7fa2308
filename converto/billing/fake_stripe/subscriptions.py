"""Subscriptions of the fake: their periods, trials, changes and ends, as its clock goes on."""

from datetime import UTC, datetime
from typing import Any

from converto.billing.fake_stripe.amounts import line, prorated
from converto.billing.fake_stripe.form import is_true
from converto.billing.fake_stripe.invoicing import DAY_S, Invoicing, cycle_line
from converto.billing.fake_stripe.records import Records, Refused
from converto.billing.periods import months_after

RUNNING = {"trialing", "active", "past_due"}
INCOMPLETE_FOR_S = 23 * 3600
MONTHS = {"month": 1, "year": 12}


def after(anchor: int, months: int) -> int:
    """Return the second so many months after an anchor."""
    return int(months_after(datetime.fromtimestamp(anchor, UTC), months).timestamp())


class Subscriptions:
    """Lets subscriptions live."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.invoicing = Invoicing(records)

    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin a subscription; its first invoice is charged at once, or after the trial."""
        records, now = self.records, self.records.now()
        customer = records.get("customer", params.get("customer"))
        price = records.get("price", params["items"][0]["price"])
        trial_end = int(params.get("trial_end") or 0)
        days = int(params.get("trial_period_days") or 0)
        trial_end = now + days * DAY_S if days else trial_end
        anchor = max(trial_end, now)
        item = {
            "id": f"si_{records.numbers.get('subscription', 0) + 1:08d}",
            "object": "subscription_item",
            "price": price,
            "quantity": int(params["items"][0].get("quantity", 1)),
            "current_period_start": now,
            "current_period_end": anchor,
        }
        made = records.add(
            "subscription",
            customer=customer["id"],
            status="trialing" if trial_end > now else "incomplete",
            items={"object": "list", "data": [item]},
            billing_cycle_anchor=anchor,
            cancel_at=None,
            cancel_at_period_end=False,
            canceled_at=None,
            ended_at=None,
            start_date=now,
            trial_end=trial_end if trial_end > now else None,
            latest_invoice=None,
            default_tax_rates=[records.get("tax_rate", one) for one in params.get("default_tax_rates", [])],
            metadata=params.get("metadata", {}),
            discounts=[],
            _periods=0,
        )
        self._discount(made, params)
        records.tell("customer.subscription.created", made)
        if made["status"] == "incomplete" and self._renew(made, reason="subscription_create"):
            self._stand(made, "active")
        return made

    def _discount(self, subscription: dict[str, Any], params: dict[str, Any]) -> None:
        for one in params.get("discounts") or []:
            coupon = self.records.get("coupon", one["coupon"])
            subscription["_coupon"] = coupon
            subscription["discounts"] = [f"di_{coupon['id']}"]
            if coupon["duration"] == "repeating":
                subscription["_coupon_ends"] = after(self.records.now(), int(coupon["duration_in_months"]))

    def _renew(self, subscription: dict[str, Any], *, reason: str) -> bool:
        """Invoice the next period and have it paid; returns whether it was."""
        item = subscription["items"]["data"][0]
        anchor, step = subscription["billing_cycle_anchor"], MONTHS[item["price"]["recurring"]["interval"]]
        start = after(anchor, subscription["_periods"] * step)
        subscription["_periods"] += 1
        end = after(anchor, subscription["_periods"] * step)
        item |= {"current_period_start": start, "current_period_end": end}
        lines = [*self.invoicing.pending(subscription), cycle_line(subscription, item["price"], start=start, end=end)]
        invoice = self.invoicing.invoice(subscription, lines, reason=reason)
        return self.invoicing.pay(invoice, subscription)

    def _stand(self, subscription: dict[str, Any], status: str) -> None:
        subscription["status"] = status
        if status in {"canceled", "incomplete_expired"}:
            subscription["ended_at"] = self.records.now()
            subscription["canceled_at"] = subscription["canceled_at"] or self.records.now()
        ended = status == "canceled"
        self.records.tell("customer.subscription.deleted" if ended else "customer.subscription.updated", subscription)

    def update(self, id_: str, params: dict[str, Any]) -> dict[str, Any]:
        """Change a subscription's plan, or whether it ends."""
        found = self.running(id_)
        if "cancel_at_period_end" in params:
            ends = is_true(params["cancel_at_period_end"])
            found["cancel_at_period_end"] = ends
            found["cancel_at"] = found["items"]["data"][0]["current_period_end"] if ends else None
            found["canceled_at"] = self.records.now() if ends else None
        self._discount(found, params)
        if params.get("items"):
            self._change(found, params)
        self.records.tell("customer.subscription.updated", found)
        return found

    def running(self, id_: str) -> dict[str, Any]:
        """Return a subscription that has not ended. Raises Refused."""
        found = self.records.get("subscription", id_)
        if found["status"] not in RUNNING:
            raise Refused("A canceled subscription can only update its cancellation_details and metadata.")
        return found

    def _change(self, subscription: dict[str, Any], params: dict[str, Any]) -> None:
        records = self.records
        item, new = subscription["items"]["data"][0], records.get("price", params["items"][0]["price"])
        old, now = item["price"], int(params.get("proration_date") or records.now())
        start, end = item["current_period_start"], item["current_period_end"]
        if not start <= now <= end:
            raise Refused("Invalid timestamp: proration_date is outside the current period.")
        item["price"] = new
        if subscription["status"] == "trialing" or params.get("proration_behavior") == "none":
            return
        left, whole, quantity = end - now, end - start, item["quantity"]
        credit = -prorated(old["unit_amount"] * quantity, left_s=left, whole_s=whole)
        lines = [line(credit, f"Unused time on {old['nickname']}", start=now, end=end, is_proration=True, price=old["id"])]
        if new["recurring"]["interval"] == old["recurring"]["interval"]:
            rest = prorated(new["unit_amount"] * quantity, left_s=left, whole_s=whole)
            lines.append(line(rest, f"Remaining time on {new['nickname']}", start=now, end=end, is_proration=True, price=new["id"]))
        else:  # another rhythm begins now
            subscription |= {"billing_cycle_anchor": now, "_periods": 1}
            until = after(now, MONTHS[new["recurring"]["interval"]])
            item |= {"current_period_start": now, "current_period_end": until}
            lines.append(cycle_line(subscription, new, start=now, end=until))
        if params.get("proration_behavior") != "always_invoice":
            subscription.setdefault("_pending", []).extend(lines)
            return
        invoice = self.invoicing.invoice(subscription, [*self.invoicing.pending(subscription), *lines], reason="subscription_update")
        if not self.invoicing.pay(invoice, subscription):
            subscription["status"] = "past_due"

    def cancel(self, id_: str) -> dict[str, Any]:
        """End a subscription now."""
        found = self.running(id_)
        self._end(found)
        return found

    def _end(self, subscription: dict[str, Any], *, status: str = "canceled") -> None:
        for invoice in self._open(subscription):
            invoice |= {"status": "void" if status == "incomplete_expired" else "uncollectible", "next_payment_attempt": None}
            self.records.tell("invoice.voided" if invoice["status"] == "void" else "invoice.marked_uncollectible", invoice)
        self._stand(subscription, status)

    def _open(self, subscription: dict[str, Any]) -> list[dict[str, Any]]:
        mine = self.records.all("invoice", customer=subscription["customer"], status="open")
        return [one for one in mine if one["parent"]["subscription_details"]["subscription"] == subscription["id"]]

    def pay_open(self, invoice: dict[str, Any]) -> bool:
        """Try an open invoice again; what it belongs to goes on once it is paid."""
        subscription = self.records.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
        is_paid = self.invoicing.pay(invoice, subscription)
        if is_paid and subscription["status"] in {"past_due", "incomplete"} and not self._open(subscription):
            self._stand(subscription, "active")
        return is_paid

    def due_at(self, subscription: dict[str, Any]) -> int | None:
        """Return when something happens to a subscription by itself; None where nothing does any more."""
        if subscription["status"] == "incomplete":
            return int(subscription["created"]) + INCOMPLETE_FOR_S
        if subscription["status"] not in RUNNING:
            return None
        retries = [one["next_payment_attempt"] for one in self._open(subscription) if one["next_payment_attempt"] is not None]
        return int(min([*retries, subscription["items"]["data"][0]["current_period_end"]]))

    def happen(self, subscription: dict[str, Any]) -> None:
        """Let happen to a subscription what is due now."""
        now, item = self.records.now(), subscription["items"]["data"][0]
        if subscription["status"] == "incomplete":
            self._end(subscription, status="incomplete_expired")
            return
        if not self._try_again(subscription):
            self._end(subscription)
            return
        if item["current_period_end"] > now:
            return
        if subscription["cancel_at_period_end"]:
            self._end(subscription)
            return
        was_trial = subscription["status"] == "trialing"
        is_paid = self._renew(subscription, reason="subscription_cycle")
        if not is_paid:
            self._stand(subscription, "past_due")
        elif was_trial:
            self._stand(subscription, "active")
        else:
            self.records.tell("customer.subscription.updated", subscription)

    def _try_again(self, subscription: dict[str, Any]) -> bool:
        """Have open invoices paid whose time has come; returns False where one was tried for the last time."""
        for invoice in self._open(subscription):
            at = invoice["next_payment_attempt"]
            if at is not None and at <= self.records.now() and not self.pay_open(invoice) and invoice["next_payment_attempt"] is None:
                return False
        return True
