"""Waiting for a server that another process runs."""

import json
import subprocess


def until_ready(server: subprocess.Popen[str]) -> str:
    """Return the address that a server says it listens on, in its log of JSON lines."""
    assert server.stderr is not None
    for line in server.stderr:
        fact = json.loads(line) if line.startswith("{") else {}
        if fact.get("event.action") == "program.serves":
            return str(fact["converto.url"])
    msg = "the server ended before it listened"
    raise AssertionError(msg)
