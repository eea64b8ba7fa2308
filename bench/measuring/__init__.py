"""What the measurements and the trials are made with."""
