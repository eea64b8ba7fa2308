"""How providers are spoken to: one file a dialect."""
