"""Identifiers that carry check digits, and codes that ask for payments: pure rules that several modules need."""
