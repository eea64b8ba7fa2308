"""What the fake keeps: objects by kind and id, its clock, and the events that it has told."""

import copy
import time
from dataclasses import dataclass, field
from typing import Any

API_VERSION = "2026-10-28.endive"
PREFIXES = {
    "customer": "cus", "product": "prod", "price": "price", "tax_rate": "txr", "coupon": "coupon", "subscription": "sub", "invoice": "in",
    "payment_intent": "pi", "charge": "ch", "refund": "re", "credit_note": "cn",
    "checkout.session": "cs", "billing_portal.session": "bps", "event": "evt",
    "billing.meter_event": "mev", "test_helpers.test_clock": "clock", "webhook_endpoint": "we",
}  # fmt: skip
LARGEST_PAGE = 100


class Refused(Exception):
    """What Stripe answers to a request that it does not do."""

    def __init__(self, message: str, *, status: int = 400, kind: str = "invalid_request_error", code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **({"code": code} if code else {})}}


def shown(value: Any) -> Any:
    """Return a copy of an object as others see it: what begins with an underscore is the fake's own."""
    if isinstance(value, dict):
        return {name: shown(part) for name, part in value.items() if not name.startswith("_")}
    return [shown(part) for part in value] if isinstance(value, list) else value


@dataclass
class Records:
    """Everything that the fake knows."""

    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    frozen_at: int | None = None
    """The second at which its clock stands; None follows the real one."""
    numbers: dict[str, int] = field(default_factory=dict)

    def now(self) -> int:
        """Return the second that it is here."""
        return int(time.time()) if self.frozen_at is None else self.frozen_at

    def add(self, kind: str, **values: Any) -> dict[str, Any]:
        """Keep a new object."""
        number = self.numbers[kind] = self.numbers.get(kind, 0) + 1
        given = values.pop("id", None)
        made = {"id": given or f"{PREFIXES[kind]}_{number:08d}", "object": kind, "created": self.now(), "livemode": False, **values}
        self.objects.setdefault(kind, {})[made["id"]] = made
        return made

    def get(self, kind: str, id_: Any) -> dict[str, Any]:
        """Return an object. Raises Refused."""
        found = self.objects.get(kind, {}).get(str(id_))
        if found is None:
            raise Refused(f"No such {kind}: '{id_}'", status=404, code="resource_missing")
        return found

    def all(self, kind: str, **wanted: Any) -> list[dict[str, Any]]:
        """Return the objects of a kind, the newest first, that are as wanted."""
        found = reversed(self.objects.get(kind, {}).values())
        return [one for one in found if all(value is None or one.get(name) == value for name, value in wanted.items())]

    def page(self, kind: str, params: dict[str, Any], **wanted: Any) -> dict[str, Any]:
        """Return a page of a list, as Stripe gives one."""
        found = self.all(kind, **wanted)
        after = params.get("starting_after")
        if after is not None:
            ids = [one["id"] for one in found]
            if after not in ids:
                raise Refused(f"No such {kind}: '{after}'", status=404, code="resource_missing")
            found = found[ids.index(after) + 1 :]
        limit = min(LARGEST_PAGE, max(1, int(params.get("limit", 10))))
        return {"object": "list", "url": f"/v1/{kind}s", "data": found[:limit], "has_more": len(found) > limit}

    def tell(self, kind: str, about: dict[str, Any]) -> None:
        """Tell an event, with the object as it is now."""
        number = self.numbers["event"] = self.numbers.get("event", 0) + 1
        self.events.append(
            {
                "id": f"evt_{number:08d}",
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": {"object": shown(about)},
                "livemode": False,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            }
        )

    def of_customer(self, customer: str) -> "Records":
        """Return a copy with one customer's objects and what all share: to try out what would happen."""
        kept = {
            kind: {
                id_: copy.deepcopy(one)
                for id_, one in found.items()
                if one.get("customer", customer) == customer and (kind != "customer" or id_ == customer)
            }
            for kind, found in self.objects.items()
        }
        return Records(kept, [], self.now(), dict(self.numbers))
