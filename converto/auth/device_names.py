"""What a person knows a device by."""

from typing import Final

_BROWSERS: Final = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
"""The most particular first: most browsers also name others that they are like."""
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)  # fmt: skip


def device_of(user_agent: str | None) -> str:
    """Return such as `Firefox, Linux`; of what is no browser, the first word that it says of itself."""
    agent = user_agent or ""
    browser = next((name for sign, name in _BROWSERS if sign in agent), None)
    system = next((name for sign, name in _SYSTEMS if sign in agent), None)
    named = [name for name in (browser, system) if name is not None]
    return ", ".join(named) or agent.partition(" ")[0][:40] or "?"
