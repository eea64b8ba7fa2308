"""How facts travel: from the transaction that made them to everyone who listens, at least once."""
