"""What a person proves beside a password: one-time codes, recovery codes, passkeys."""
