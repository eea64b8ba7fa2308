"""How Stripe reckons: prorations by the second, discounts and tax by the line, whole cents."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any


def rounded(amount: Decimal) -> int:
    """Return whole cents; a half goes away from zero."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def prorated(cents: int, *, left_s: int, whole_s: int) -> int:
    """Return what the rest of a period is worth."""
    return rounded(Decimal(cents) * left_s / whole_s) if whole_s else 0


def line(amount: int, description: str, *, start: int, end: int, is_proration: bool = False, price: str = "") -> dict[str, Any]:
    """Return a line of an invoice."""
    return {
        "object": "line_item",
        "amount": amount,
        "currency": "eur",
        "description": description,
        "discount_amounts": [],
        "period": {"start": start, "end": end},
        "parent": {"subscription_item_details": {"proration": is_proration}},
        "pricing": {"price_details": {"price": price}},
        "taxes": [],
    }


def totals(lines: Sequence[dict[str, Any]], *, coupon: dict[str, Any] | None, rate: dict[str, Any] | None, exempt: str) -> dict[str, Any]:
    """Discount and tax the lines, and return what an invoice says of them all."""
    _discount(lines, coupon)
    subtotal = sum(one["amount"] for one in lines)
    discount = sum(part["amount"] for one in lines for part in one["discount_amounts"])
    taxes: list[dict[str, Any]] = []
    tax = 0
    if rate is not None:
        for one in lines:
            net = one["amount"] - sum(part["amount"] for part in one["discount_amounts"])
            amount = 0 if exempt != "none" else rounded(Decimal(net) * Decimal(str(rate["percentage"])) / 100)
            one["taxes"] = [{"amount": amount, "taxable_amount": net, "tax_rate_details": {"tax_rate": rate["id"]}}]
            tax += amount
        reason = {"none": "standard_rated", "reverse": "reverse_charge"}.get(exempt, "customer_exempt")
        taxes = [
            {
                "amount": tax,
                "tax_behavior": "exclusive",
                "taxability_reason": reason,
                "taxable_amount": subtotal - discount,
                "tax_rate_details": {"tax_rate": rate["id"]},
                "type": "tax_rate_details",
            }
        ]
    return {
        "subtotal": subtotal,
        "total_discount_amounts": [{"amount": discount, "discount": coupon["id"]}] if coupon is not None else [],
        "total_excluding_tax": subtotal - discount,
        "total_taxes": taxes,
        "total": subtotal - discount + tax,
    }


def _discount(lines: Sequence[dict[str, Any]], coupon: dict[str, Any] | None) -> None:
    if coupon is None:
        return
    if coupon.get("percent_off") is not None:
        for one in lines:
            off = rounded(Decimal(one["amount"]) * Decimal(str(coupon["percent_off"])) / 100)
            one["discount_amounts"] = [{"amount": off, "discount": coupon["id"]}]
        return
    left = int(coupon["amount_off"])
    for one in lines:
        off = min(left, max(0, one["amount"]))
        left -= off
        one["discount_amounts"] = [{"amount": off, "discount": coupon["id"]}]
