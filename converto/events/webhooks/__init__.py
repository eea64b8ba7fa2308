"""Tells a company's own systems what happened: each event is posted to the addresses that asked for it, signed, until it is taken."""
