"""What the command line shows and does."""
