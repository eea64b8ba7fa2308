"""The fake itself: what can be asked of it, one method for each request that it knows."""

from typing import Any

from converto.billing.fake_stripe.form import is_true
from converto.billing.fake_stripe.invoicing import DAY_S
from converto.billing.fake_stripe.records import Records, Refused
from converto.billing.fake_stripe.subscriptions import RUNNING, Subscriptions

Params = dict[str, Any]


class FakeStripe:
    """A Stripe for one account, with one clock."""

    def __init__(self, records: Records | None = None, *, url: str = "") -> None:
        self.records = records or Records()
        self.subscriptions = Subscriptions(self.records)
        self.url = url

    def create_customer(self, params: Params) -> Params:
        """Keep a customer."""
        made = self.records.add(
            "customer",
            name=None,
            email=None,
            address=None,
            balance=0,
            currency="eur",
            metadata={},
            tax_exempt="none",
            invoice_settings={"default_payment_method": None},
        )
        self._customer(made, params)
        self.records.tell("customer.created", made)
        return made

    def update_customer(self, id_: str, params: Params) -> Params:
        """Change a customer."""
        found = self.records.get("customer", id_)
        self._customer(found, params)
        self.records.tell("customer.updated", found)
        return found

    def _customer(self, customer: Params, params: Params) -> None:
        for name in ("name", "email", "address", "metadata", "tax_exempt"):
            if name in params:
                customer[name] = params[name]
        card = (params.get("invoice_settings") or {}).get("default_payment_method")
        if card is not None:
            customer["invoice_settings"]["default_payment_method"] = card
        if params.get("tax_id_data"):
            customer["_tax_ids"] = params["tax_id_data"]

    def create_product(self, params: Params) -> Params:
        """Keep a product."""
        if params.get("id") in self.records.objects.get("product", {}):
            raise Refused("Product already exists.", code="resource_already_exists")
        return self.records.add("product", id=params.get("id"), name=params["name"], active=True)

    def create_price(self, params: Params) -> Params:
        """Keep a price."""
        key = params.get("lookup_key")
        if key and any(one["lookup_key"] == key for one in self.records.all("price")):
            raise Refused(f"A price already uses that lookup key: {key}", code="resource_already_exists")
        return self.records.add(
            "price",
            active=True,
            currency=params["currency"],
            lookup_key=key,
            nickname=params.get("nickname") or key,
            product=params["product"],
            recurring={"interval": params["recurring"]["interval"], "interval_count": 1, "usage_type": "licensed"},
            unit_amount=int(params["unit_amount"]),
            type="recurring",
        )

    def list_prices(self, params: Params) -> Params:
        """List prices, those under some keys where they are named."""
        keys = params.get("lookup_keys")
        page = self.records.page("price", {**params, "limit": 100})
        return page if keys is None else {**page, "data": [one for one in page["data"] if one["lookup_key"] in keys]}

    def create_tax_rate(self, params: Params) -> Params:
        """Keep a tax rate."""
        names = ("display_name", "country", "metadata")
        kept = {name: params.get(name) for name in names}
        return self.records.add("tax_rate", active=True, inclusive=False, percentage=float(params["percentage"]), **kept)

    def create_coupon(self, params: Params) -> Params:
        """Keep a coupon."""
        off = {name: float(params[name]) if name in params else None for name in ("percent_off", "amount_off")}
        months = params.get("duration_in_months")
        return self.records.add(
            "coupon", id=params.get("id"), duration=params["duration"], duration_in_months=months, currency="eur", valid=True, **off
        )

    def list_sessions(self, params: Params) -> Params:
        """List checkouts; one that was opened a day ago is over."""
        for one in self.records.all("checkout.session", customer=params.get("customer"), status="open"):
            self._is_over(one)
        return self.records.page("checkout.session", params, customer=params.get("customer"), status=params.get("status"))

    def expire_session(self, id_: str) -> Params:
        """Close a checkout."""
        session = self.records.get("checkout.session", id_)
        if self._is_over(session):
            raise Refused('Only Checkout Sessions with a status in ["open"] can be expired.')
        self._expire(session)
        return session

    def _is_over(self, session: Params) -> bool:
        if session["status"] == "open" and session["expires_at"] <= self.records.now():
            self._expire(session)
        return bool(session["status"] != "open")

    def _expire(self, session: Params) -> None:
        session |= {"status": "expired", "url": None}
        self.records.tell("checkout.session.expired", session)

    def create_session(self, params: Params) -> Params:
        """Open a checkout: a page here completes it."""
        self.records.get("customer", params.get("customer"))
        for one in params.get("discounts") or []:
            self.records.get("coupon", one["coupon"])
        made = self.records.add(
            "checkout.session",
            customer=params["customer"],
            mode=params["mode"],
            status="open",
            payment_status="unpaid",
            subscription=None,
            success_url=params.get("success_url"),
            cancel_url=params.get("cancel_url"),
            metadata=params.get("metadata", {}),
            expires_at=self.records.now() + DAY_S,
            _params=params,
        )
        made["url"] = f"{self.url}/checkout/{made['id']}"
        return made

    def complete(self, session_id: str, card: str) -> Params:
        """Do what somebody does who fills in the page of a checkout."""
        session = self.records.get("checkout.session", session_id)
        if self._is_over(session):
            raise Refused("This checkout is over.")
        params, data = session["_params"], session["_params"].get("subscription_data") or {}
        customer = self.records.get("customer", session["customer"])
        customer["invoice_settings"]["default_payment_method"] = card
        wanted = {"customer": customer["id"], "items": params["line_items"], "discounts": params.get("discounts"), **data}
        made = self.subscriptions.create(wanted)
        if made["status"] == "incomplete":
            return session  # the page says that the card was declined, and another one may be tried
        session |= {"status": "complete", "payment_status": "paid", "subscription": made["id"]}
        self.records.tell("checkout.session.completed", session)
        return session

    def create_portal(self, params: Params) -> Params:
        """Open the portal: a page here where another card can be given."""
        self.records.get("customer", params.get("customer"))
        made = self.records.add("billing_portal.session", customer=params["customer"], return_url=params.get("return_url"))
        made["url"] = f"{self.url}/portal/{made['id']}"
        return made

    def list_subscriptions(self, params: Params) -> Params:
        """List subscriptions; without a status those that run."""
        status = params.get("status")
        page = self.records.page("subscription", params, customer=params.get("customer"))
        if status == "all":
            return page
        return {**page, "data": [one for one in page["data"] if (one["status"] == status if status else one["status"] in RUNNING)]}

    def list_invoices(self, params: Params) -> Params:
        """List invoices, those of a customer or of a subscription where one is named."""
        which = params.get("subscription")
        page = self.records.page("invoice", params, customer=params.get("customer"))
        if which is None:
            return page
        return {**page, "data": [one for one in page["data"] if one["parent"]["subscription_details"]["subscription"] == which]}

    def preview(self, params: Params) -> Params:
        """Return the invoice that a change of plan would make; nothing is kept of it."""
        subscription = self.subscriptions.running(params["subscription"])
        asked = params.get("subscription_details") or {}
        tried = FakeStripe(self.records.of_customer(subscription["customer"]))
        before = set(tried.records.objects.get("invoice", {}))
        tried.subscriptions.update(subscription["id"], asked)
        new = [one for id_, one in tried.records.objects.get("invoice", {}).items() if id_ not in before]
        if not new:
            copied = tried.records.get("subscription", subscription["id"])
            tried.records.frozen_at = copied["items"]["data"][0]["current_period_end"]
            tried.subscriptions.happen(copied)
            new = [one for id_, one in tried.records.objects.get("invoice", {}).items() if id_ not in before]
        if not new:
            raise Refused("No upcoming invoices for customer", status=404, code="invoice_upcoming_none")
        return {**new[0], "id": f"upcoming_{new[0]['id']}", "status": "draft", "number": None}

    def pay_invoice(self, id_: str, params: Params) -> Params:
        """Try to have an open invoice paid."""
        invoice = self.records.get("invoice", id_)
        if invoice["status"] != "open":
            raise Refused("Invoice is already paid")
        if params.get("payment_method"):
            customer = self.records.get("customer", invoice["customer"])
            customer["invoice_settings"]["default_payment_method"] = params["payment_method"]
        if not self.subscriptions.pay_open(invoice):
            raise Refused("Your card was declined.", status=402, kind="card_error", code="card_declined")
        return invoice

    def create_refund(self, params: Params) -> Params:
        """Give back a payment, or a part of it."""
        charge = self.records.get("charge", params.get("charge"))
        left = charge["amount"] - charge["amount_refunded"]
        amount = int(params.get("amount") or left)
        if not charge["paid"] or not 0 < amount <= left:
            raise Refused(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", code="charge_already_refunded")
        return self.subscriptions.invoicing.refund(charge, amount, metadata=params.get("metadata", {}))

    def create_credit_note(self, params: Params) -> Params:
        """Take an invoice back that was paid: into the card, the customer's balance, or both."""
        invoice = self.records.get("invoice", params.get("invoice"))
        amount, refund, credit = (int(params.get(name) or 0) for name in ("amount", "refund_amount", "credit_amount"))
        if (
            invoice["status"] != "paid"
            or amount != refund + credit
            or amount > invoice["total"] - invoice["post_payment_credit_notes_amount"]
        ):
            raise Refused("The sum of credit amount, refund amount and out of band amount must equal the credit note amount.")
        return self.subscriptions.invoicing.credit(invoice, refund=refund, credit=credit, reason=params.get("reason"))

    def create_meter_event(self, params: Params) -> Params:
        """Take usage in; under an identifier once."""
        identifier = params.get("identifier")
        if identifier in self.records.objects.get("billing.meter_event", {}):
            raise Refused(f"An event already exists with identifier {identifier}.", code="duplicate_meter_event")
        return self.records.add(
            "billing.meter_event",
            id=identifier,
            identifier=identifier,
            event_name=params["event_name"],
            payload=params["payload"],
            timestamp=int(params.get("timestamp") or self.records.now()),
        )

    def create_clock(self, params: Params) -> Params:
        """Let the clock stand at a second."""
        self.records.frozen_at = int(params["frozen_time"])
        return self.records.add("test_helpers.test_clock", frozen_time=self.records.frozen_at, status="ready")

    def advance(self, id_: str, params: Params) -> Params:
        """Let the clock go on, and everything happen that is due until then, each at its own second."""
        clock, until = self.records.get("test_helpers.test_clock", id_), int(params["frozen_time"])
        if self.records.frozen_at is None or until < self.records.frozen_at:
            raise Refused("The clock goes forward only.")
        while True:
            due = [(at, one["id"]) for one in self.records.all("subscription") if (at := self.subscriptions.due_at(one)) is not None]
            at, which = min(due, default=(until + 1, ""))
            if at > until:
                break
            self.records.frozen_at = max(at, self.records.frozen_at)
            self.subscriptions.happen(self.records.get("subscription", which))
        self.records.frozen_at = clock["frozen_time"] = until
        return clock

    def cancel(self, id_: str, params: Params) -> Params:
        """End a subscription now."""
        if is_true(params.get("prorate")):
            raise Refused("This fake gives nothing back for what is left of a period.")
        return self.subscriptions.cancel(id_)
