"""Our own Stripe: keeps state, charges test cards, sends signed webhooks; a server of its own that no money passes through."""
