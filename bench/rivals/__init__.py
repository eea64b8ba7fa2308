"""Whom the events are measured against, each used as its own documentation says is best."""
