"""Receipts and invoices of invented companies, drawn by our own code, with the truth of what stands on them."""
