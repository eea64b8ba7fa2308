"""Reads receipts and invoices: what is on them, how sure that is, and where on the page it stands."""
