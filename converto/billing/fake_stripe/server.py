"""The fake over HTTP: Stripe's routes, the pages that people see, and what a test tells it to do wrong."""

import asyncio
import hmac
import html
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from converto.billing.fake_stripe.form import nested
from converto.billing.fake_stripe.hooks import Hooks
from converto.billing.fake_stripe.invoicing import DAY_S
from converto.billing.fake_stripe.records import Refused, shown
from converto.billing.fake_stripe.stripe import FakeStripe

Answer = Callable[[FakeStripe, Mapping[str, str], dict[str, Any]], Any]
ROUTES: Mapping[str, Answer] = {
    "POST /v1/customers": lambda fake, _, given: fake.create_customer(given),
    "GET /v1/customers/{id}": lambda fake, path, _: fake.records.get("customer", path["id"]),
    "POST /v1/customers/{id}": lambda fake, path, given: fake.update_customer(path["id"], given),
    "GET /v1/customers": lambda fake, _, given: fake.records.page("customer", given),
    "POST /v1/products": lambda fake, _, given: fake.create_product(given),
    "POST /v1/prices": lambda fake, _, given: fake.create_price(given),
    "GET /v1/prices": lambda fake, _, given: fake.list_prices(given),
    "POST /v1/tax_rates": lambda fake, _, given: fake.create_tax_rate(given),
    "GET /v1/tax_rates": lambda fake, _, given: fake.records.page("tax_rate", given),
    "POST /v1/coupons": lambda fake, _, given: fake.create_coupon(given),
    "POST /v1/checkout/sessions": lambda fake, _, given: fake.create_session(given),
    "GET /v1/checkout/sessions": lambda fake, _, given: fake.list_sessions(given),
    "POST /v1/checkout/sessions/{id}/expire": lambda fake, path, _: fake.expire_session(path["id"]),
    "GET /v1/checkout/sessions/{id}": lambda fake, path, _: fake.records.get("checkout.session", path["id"]),
    "POST /v1/billing_portal/sessions": lambda fake, _, given: fake.create_portal(given),
    "POST /v1/subscriptions": lambda fake, _, given: fake.subscriptions.create(given),
    "GET /v1/subscriptions": lambda fake, _, given: fake.list_subscriptions(given),
    "GET /v1/subscriptions/{id}": lambda fake, path, _: fake.records.get("subscription", path["id"]),
    "POST /v1/subscriptions/{id}": lambda fake, path, given: fake.subscriptions.update(path["id"], given),
    "DELETE /v1/subscriptions/{id}": lambda fake, path, given: fake.cancel(path["id"], given),
    "GET /v1/invoices": lambda fake, _, given: fake.list_invoices(given),
    "GET /v1/invoices/{id}": lambda fake, path, _: fake.records.get("invoice", path["id"]),
    "POST /v1/invoices/create_preview": lambda fake, _, given: fake.preview(given),
    "POST /v1/invoices/{id}/pay": lambda fake, path, given: fake.pay_invoice(path["id"], given),
    "GET /v1/charges": lambda fake, _, given: fake.records.page("charge", given, customer=given.get("customer")),
    "GET /v1/payment_intents": lambda fake, _, given: fake.records.page("payment_intent", given, customer=given.get("customer")),
    "POST /v1/credit_notes": lambda fake, _, given: fake.create_credit_note(given),
    "GET /v1/refunds": lambda fake, _, given: fake.records.page("refund", given, charge=given.get("charge")),
    "POST /v1/refunds": lambda fake, _, given: fake.create_refund(given),
    "POST /v1/billing/meter_events": lambda fake, _, given: fake.create_meter_event(given),
    "POST /v1/test_helpers/test_clocks": lambda fake, _, given: fake.create_clock(given),
    "POST /v1/test_helpers/test_clocks/{id}/advance": lambda fake, path, given: fake.advance(path["id"], given),
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Fake checkout</title>
<body style="font-family:sans-serif;max-width:30em;margin:4em auto"><h1>{title}</h1><p>No money passes through here.</p>
<form method="post"><label>Card <select name="card"><option value="pm_card_visa">4242 4242 4242 4242, pays</option>
<option value="pm_card_chargeDeclined">4000 0000 0000 0002, is declined</option></select></label>
<button>{button}</button></form></body></html>"""


@dataclass
class Wrongs:
    """What the fake does wrong on purpose."""

    mode: str = ""
    """500 or slow; nothing unless set."""
    times: int = 0
    """For how many requests more."""
    slow_s: float = 0.0
    only: str = ""
    """Of the routes alone that begin so: `POST /v1/subscriptions`."""


@dataclass
class Desk:
    """Answers requests: each under its idempotency key once."""

    fake: FakeStripe
    key: str
    hooks: Hooks
    wrongs: Wrongs = field(default_factory=Wrongs)
    answered: dict[str, tuple[str, int, dict[str, Any], int]] = field(default_factory=dict)
    """By idempotency key: what was asked, the answer, and the second of it. A key is forgotten after a day."""
    asked: int = 0
    busy: int = 0
    """How many requests are being answered, also such as nobody waits for any more."""

    async def answer(self, route: str, request: Request) -> Response:
        """Answer one of Stripe's routes."""
        self.asked += 1
        self.busy += 1
        try:
            return await self._wrong(route) or await self._answer(route, request)
        finally:
            self.busy -= 1

    async def _answer(self, route: str, request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.key.encode()):
            body = {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}
            return JSONResponse(body, status_code=401)
        text = (await request.body()).decode() if request.method != "GET" else request.url.query
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        known, moment = self.answered.get(key), self.fake.records.now()
        if known is not None and moment - known[3] < DAY_S:
            return self._again(known, f"{route} {text}")
        status, body = self._done(route, request, text)
        if key and status < 500:
            self.answered[key] = (f"{route} {text}", status, body, moment)
        self.hooks.take()
        return JSONResponse(body, status_code=status)

    def _done(self, route: str, request: Request, text: str) -> tuple[int, dict[str, Any]]:
        try:
            return 200, shown(ROUTES[route](self.fake, request.path_params, nested(parse_qsl(text, keep_blank_values=True))))
        except Refused as refusal:
            return refusal.status, refusal.body
        except (KeyError, ValueError, IndexError) as error:
            return 400, {"error": {"type": "invalid_request_error", "message": f"Missing or bad parameter: {error}"}}

    def _again(self, known: tuple[str, int, dict[str, Any], int], asked: str) -> Response:
        if known[0] != asked:
            message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            return JSONResponse({"error": {"type": "idempotency_error", "message": message}}, status_code=400)
        return JSONResponse(known[2], status_code=known[1], headers={"idempotent-replayed": "true"})

    async def _wrong(self, route: str) -> Response | None:
        if not self.wrongs.mode or self.wrongs.times <= 0 or not route.startswith(self.wrongs.only):
            return None
        self.wrongs.times -= 1
        if self.wrongs.mode == "slow":
            await asyncio.sleep(self.wrongs.slow_s)
            return None
        return JSONResponse({"error": {"type": "api_error", "message": "Something went wrong on our end."}}, status_code=500)


def create_fake(fake: FakeStripe, *, key: str, secret: str, webhook_url: str | None = None) -> Starlette:
    """Return the application of a fake Stripe; `webhook_url` hears of everything that happens there."""
    desk = Desk(fake, key, Hooks(fake.records, secret, webhook_url))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with desk.hooks.running():
            yield

    routes = [Route(path, _endpoint(desk, f"{method} {path}"), methods=[method]) for method, path in map(str.split, ROUTES)]
    pages = [
        Route("/checkout/{id}", _checkout(desk), methods=["GET", "POST"]),
        Route("/portal/{id}", _portal(desk), methods=["GET", "POST"]),
        Route("/_fake/wrongs", _wrongs(desk), methods=["POST"]),
        Route("/_fake/webhooks", _webhooks(desk), methods=["POST"]),
        Route("/_fake/state", _state(desk), methods=["GET"]),
    ]
    routes.sort(key=lambda route: bool(re.search(r"\{", route.path)))  # what is named stands before what is any id
    app = Starlette(routes=[*routes, *pages], lifespan=lifespan)
    app.state.desk = desk
    return app


def _endpoint(desk: Desk, route: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return await desk.answer(route, request)

    return endpoint


def _checkout(desk: Desk) -> Any:
    async def page(request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(PAGE.format(title="Subscribe", button="Pay"))
        card = str((await request.form()).get("card", "pm_card_visa"))
        try:
            session = desk.fake.complete(request.path_params["id"], card)
        except Refused as refusal:
            return HTMLResponse(html.escape(str(refusal)), status_code=refusal.status)
        desk.hooks.take()
        if session["status"] != "complete":
            return HTMLResponse(PAGE.format(title="Your card was declined", button="Pay"), status_code=402)
        return RedirectResponse(str(session["success_url"]), status_code=303)

    return page


def _portal(desk: Desk) -> Any:
    async def page(request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(PAGE.format(title="Your card", button="Keep"))
        session = desk.fake.records.get("billing_portal.session", request.path_params["id"])
        card = str((await request.form()).get("card", "pm_card_visa"))
        desk.fake.update_customer(session["customer"], {"invoice_settings": {"default_payment_method": card}})
        for invoice in desk.fake.records.all("invoice", customer=session["customer"], status="open"):
            desk.fake.subscriptions.pay_open(invoice)
        desk.hooks.take()
        return RedirectResponse(str(session["return_url"]), status_code=303)

    return page


def _wrongs(desk: Desk) -> Any:
    async def tell(request: Request) -> Response:
        wanted = await request.json()
        desk.wrongs = Wrongs(wanted.get("mode", ""), wanted.get("times", 0), wanted.get("slow_s", 0.0), wanted.get("only", ""))
        return JSONResponse({})

    return tell


def _webhooks(desk: Desk) -> Any:
    async def tell(request: Request) -> Response:
        wanted = await request.json()
        desk.hooks.url = wanted.get("url", desk.hooks.url)
        desk.hooks.is_shuffled = bool(wanted.get("shuffle", desk.hooks.is_shuffled))
        desk.hooks.copies = int(wanted.get("copies", desk.hooks.copies))
        desk.hooks.delay_s = float(wanted.get("delay_s", desk.hooks.delay_s))
        return JSONResponse({})

    return tell


def _state(desk: Desk) -> Any:
    async def show(_: Request) -> Response:
        counts = {kind: len(found) for kind, found in desk.fake.records.objects.items()}
        return JSONResponse({"objects": counts, "asked": desk.asked, "undelivered": desk.hooks.waiting})

    return show
