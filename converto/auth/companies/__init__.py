"""Companies, who belongs to them, as what, and who is invited."""
