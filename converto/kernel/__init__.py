"""What every module stands on; it knows none of them."""
