"""Tells what is on a picture: by a model that sees where one is set up, and without one as far as can be told here."""
