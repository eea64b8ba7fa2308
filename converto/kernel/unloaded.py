"""Keeps libraries from loading what they would only adorn their output with."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unloaded(name: str) -> Iterator[None]:
    """Make a module look as if it were not installed, to whatever is imported in the block; one that is loaded already stays."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # as the import statement has it: there is no such module
    try:
        yield
    finally:
        del sys.modules[name]
