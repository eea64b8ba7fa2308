"""Plans, what is left of them, and what they cost: counted exactly, paid through Stripe."""
