"""Stripe's library and the fake without a network between them: a history takes a fraction of the time, and the requests are the same."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import stripe

from converto.billing.fake_stripe.form import nested
from converto.billing.fake_stripe.records import Refused, shown
from converto.billing.fake_stripe.server import ROUTES
from converto.billing.fake_stripe.stripe import FakeStripe
from tests.billing.bank import KEY, Shop

_ROUTES = sorted(ROUTES, key=lambda route: "{" in route)
"""What is named stands before what is any id."""
_PATTERNS = [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route) + "$"), ROUTES[route]) for route in _ROUTES]


class Direct(stripe.HTTPClient):  # type: ignore[misc]  # the library tells no types of it
    """Answers Stripe's library from the fake itself, each idempotency key once."""

    name = "direct"

    def __init__(self, fake: FakeStripe) -> None:
        super().__init__()
        self._fake = fake
        self.answered: dict[str, tuple[bytes, int]] = {}

    def request(self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any) -> tuple[str, int, Any]:
        """Answer one request."""
        parts = urlsplit(url)
        key = (headers or {}).get("Idempotency-Key", "") if method.upper() == "POST" else ""
        if key not in self.answered:
            given = nested(parse_qsl(post_data or parts.query, keep_blank_values=True))
            answer = self._answer(f"{method.upper()} {parts.path}", given)
            if not key:
                return answer[0].decode(), answer[1], {}
            self.answered[key] = answer
        content, status = self.answered[key]
        return content.decode(), status, {}

    def _answer(self, asked: str, given: dict[str, Any]) -> tuple[bytes, int]:
        found, answer = next((found, answer) for pattern, answer in _PATTERNS if (found := pattern.match(asked)))
        try:
            return orjson.dumps(shown(answer(self._fake, found.groupdict(), given))), 200
        except Refused as refusal:
            return orjson.dumps(refusal.body), refusal.status

    def close(self) -> None:
        """Close nothing."""


def connect(shop: Shop) -> Direct:
    """Have a shop's payments go to its fake directly."""
    direct, payments = Direct(shop.bank.fake), shop.house.service._sold._payments
    payments.__dict__["_client"] = stripe.StripeClient(KEY, base_addresses={"api": shop.bank.url}, http_client=direct)
    return direct
