"""`converto fake-stripe`: a Stripe to try with, through which no money passes."""

import uvicorn

from converto.billing.fake_stripe.server import create_fake
from converto.billing.fake_stripe.stripe import FakeStripe


def serve(*, host: str, port: int, webhook_url: str, key: str, secret: str) -> None:
    """Serve until Ctrl-C, and say what to set so that billing uses it."""
    url = f"http://{host}:{port}"
    print(f"CONVERTO_BILLING_STRIPE_URL={url}")
    print(f"CONVERTO_BILLING_STRIPE_SECRET_KEY={key}")
    print(f"CONVERTO_BILLING_STRIPE_WEBHOOK_SECRETS={secret}", flush=True)
    app = create_fake(FakeStripe(url=url), key=key, secret=secret, webhook_url=webhook_url or None)
    uvicorn.run(app, host=host, port=port, log_level="warning")
