"""Converto: the business OS of a small Finnish company, in one process that can be taken apart."""

import sys

__version__ = "0.1.0"

if "structlog" not in sys.modules and "rich" not in sys.modules:
    # structlog loads rich where it finds it, to draw tracebacks with every local variable, passwords among them: 4 MB and a twentieth of
    # a second, which no log here wants
    sys.modules["rich"] = None  # type: ignore[assignment]  # as the import statement has it: there is no such module
    import structlog  # noqa: F401

    del sys.modules["rich"]
