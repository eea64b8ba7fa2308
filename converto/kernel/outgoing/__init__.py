"""Requests to addresses that somebody else has given."""
