"""How people come in: accounts, passwords, sessions and their tokens."""
