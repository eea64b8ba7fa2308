"""Invoices of the fake, and how they are paid."""

from typing import Any

from converto.billing.fake_stripe.amounts import line, totals
from converto.billing.fake_stripe.records import Records

DAY_S = 86_400
RETRIES_AFTER_DAYS = (3, 5, 7)
"""When a failed payment is tried again, each time counted from the one before; after the last the subscription ends."""
DECLINED = {"pm_card_chargeCustomerFail", "pm_card_chargeDeclined", "4000000000000341", "4000000000000002"}
"""Cards that are declined; every other one pays."""


class Invoicing:
    """Makes invoices and has them paid."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def pending(self, subscription: dict[str, Any]) -> list[dict[str, Any]]:
        """Take the lines that wait for the next invoice."""
        lines: list[dict[str, Any]] = subscription.pop("_pending", [])
        return lines

    def invoice(self, subscription: dict[str, Any], lines: list[dict[str, Any]], *, reason: str) -> dict[str, Any]:
        """Make an invoice and finalise it; what is below zero becomes the customer's balance."""
        records = self.records
        customer = records.get("customer", subscription["customer"])
        coupon = self._coupon(subscription)
        rates = subscription["default_tax_rates"]
        sums = totals(lines, coupon=coupon, rate=rates[0] if rates else None, exempt=customer["tax_exempt"])
        before = customer["balance"]
        due = max(0, sums["total"] + min(0, before)) if sums["total"] > 0 else 0
        customer["balance"] = before + sums["total"] - due if before < 0 or sums["total"] < 0 else before
        number = records.numbers["number"] = records.numbers.get("number", 0) + 1
        made = records.add(
            "invoice",
            customer=customer["id"],
            number=f"FAKE-{number:06d}",
            billing_reason=reason,
            currency="eur",
            collection_method="charge_automatically",
            status="open",
            lines={"object": "list", "data": lines, "has_more": False},
            starting_balance=before,
            ending_balance=customer["balance"],
            amount_due=due,
            amount_paid=0,
            amount_remaining=due,
            attempt_count=0,
            next_payment_attempt=None,
            customer_tax_exempt=customer["tax_exempt"],
            customer_name=customer.get("name"),
            customer_address=customer.get("address"),
            customer_tax_ids=customer.get("_tax_ids", []),
            hosted_invoice_url=f"/invoices/{number}",
            invoice_pdf=f"/invoices/{number}.pdf",
            period_start=records.now(),
            period_end=records.now(),
            parent={"type": "subscription_details", "subscription_details": {"subscription": subscription["id"], "metadata": {}}},
            status_transitions={"finalized_at": records.now(), "paid_at": None},
            payments={"object": "list", "data": []},
            post_payment_credit_notes_amount=0,
            **sums,
        )
        subscription["latest_invoice"] = made["id"]
        records.tell("invoice.created", made)
        records.tell("invoice.finalized", made)
        return made

    def _coupon(self, subscription: dict[str, Any]) -> dict[str, Any] | None:
        """Return the coupon that holds now; one for once is used up by it."""
        held: dict[str, Any] | None = subscription.get("_coupon")
        if held is None:
            return None
        ends = subscription.get("_coupon_ends")
        if ends is not None and self.records.now() >= ends:
            subscription["_coupon"] = None
            return None
        if held["duration"] == "once":
            subscription["_coupon"] = None
        return held

    def pay(self, invoice: dict[str, Any], subscription: dict[str, Any]) -> bool:
        """Charge the customer's card; returns whether it paid."""
        records = self.records
        if invoice["amount_due"] == 0:
            self._paid(invoice)
            return True
        customer = records.get("customer", invoice["customer"])
        card = customer["invoice_settings"]["default_payment_method"]
        is_good = card is not None and card not in DECLINED
        invoice["attempt_count"] += 1
        amount = invoice["amount_due"]
        whose = {"customer": customer["id"], "amount": amount, "currency": "eur"}
        intent = records.add("payment_intent", **whose, status="succeeded" if is_good else "requires_payment_method", latest_charge=None)
        charge = records.add(
            "charge",
            **whose,
            amount_refunded=0,
            refunded=False,
            paid=is_good,
            payment_intent=intent["id"],
            payment_method=card,
            status="succeeded" if is_good else "failed",
            failure_code=None if is_good else "card_declined",
            failure_message=None if is_good else "Your card was declined.",
        )
        intent["latest_charge"] = charge["id"]
        invoice["payments"]["data"].append({"payment": {"type": "payment_intent", "payment_intent": intent["id"]}})
        records.tell(f"payment_intent.{'succeeded' if is_good else 'payment_failed'}", intent)
        records.tell(f"charge.{'succeeded' if is_good else 'failed'}", charge)
        if is_good:
            self._paid(invoice)
        else:
            tried = invoice["attempt_count"] - 1
            can_retry = tried < len(RETRIES_AFTER_DAYS) and subscription["status"] != "incomplete"
            invoice["next_payment_attempt"] = records.now() + RETRIES_AFTER_DAYS[tried] * DAY_S if can_retry else None
            records.tell("invoice.payment_failed", invoice)
        return is_good

    def _paid(self, invoice: dict[str, Any]) -> None:
        invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0, "next_payment_attempt": None}
        invoice["status_transitions"]["paid_at"] = self.records.now()
        self.records.tell("invoice.paid", invoice)
        self.records.tell("invoice.payment_succeeded", invoice)

    def credit(self, invoice: dict[str, Any], *, refund: int, credit: int, reason: str | None) -> dict[str, Any]:
        """Take a paid invoice back, or a part of it."""
        records, intents = self.records, [one["payment"]["payment_intent"] for one in invoice["payments"]["data"]]
        paid = [one for one in records.all("charge", customer=invoice["customer"], status="succeeded") if one["payment_intent"] in intents]
        refunds = [self.refund(one, refund)["id"] for one in paid if refund]
        records.get("customer", invoice["customer"])["balance"] -= credit
        invoice["post_payment_credit_notes_amount"] += refund + credit
        whose = {"customer": invoice["customer"], "invoice": invoice["id"]}
        made = records.add("credit_note", **whose, amount=refund + credit, reason=reason, refunds=refunds, status="issued")
        records.tell("credit_note.created", made)
        return made

    def refund(self, charge: dict[str, Any], amount: int, *, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
        """Give money back."""
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        whose = {"charge": charge["id"], "customer": charge["customer"]}
        made = self.records.add("refund", **whose, amount=amount, currency="eur", status="succeeded", metadata=metadata or {})
        self.records.tell("charge.refunded", charge)
        return made


def cycle_line(subscription: dict[str, Any], price: dict[str, Any], *, start: int, end: int) -> dict[str, Any]:
    """Return the line for one period of a subscription."""
    quantity = subscription["items"]["data"][0]["quantity"]
    return line(price["unit_amount"] * quantity, f"{quantity} x {price['nickname']}", start=start, end=end, price=price["id"])
