"""How long to wait before something is tried again, or looked at again."""

import random

POLL_S = 0.5
"""How often a loop looks by itself; usually a bell wakes it before."""
ROUNDS_AT_ONCE = 30
ROUNDS_A_SECOND = 12.0
"""So often at most, after some at once, a loop goes round for a few events: where they are many, they go together."""
LONGEST_PAUSE_S = 300.0
JITTER = 0.25


def pause_s(failures: int) -> float:
    """Return how long to wait after so many failures: 1, 4, 16 ... seconds, and up to a quarter more, so that not all come back at once."""
    pause = float(min(4.0 ** (failures - 1), LONGEST_PAUSE_S))
    return pause * (1 + JITTER * random.random())  # noqa: S311 - spreads load, keeps no secret
