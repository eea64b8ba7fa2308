"""Invoices as data: Finvoice, UBL and Cross Industry Invoice, through one parser that takes no document type."""
