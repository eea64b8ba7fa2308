"""Value added tax: dated rates, vouchers that cannot be changed, and returns whose every figure explains itself."""
