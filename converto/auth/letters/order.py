"""What a letter is made of, as it waits: its kind, whom it is for, and what it says."""

from typing import Literal

from pydantic import Field

from converto.kernel.interface import Value

Kind = Literal[
    "verify_email",
    "reset_password",
    "confirm_email",
    "email_change_asked",
    "email_changed",
    "password_changed",
    "new_device",
    "invitation",
    "way_in_added",
    "way_in_removed",
]
"""What a letter is about; each kind has its texts in both languages."""
Language = Literal["fi", "en"]
LANGUAGES: tuple[Language, ...] = ("fi", "en")


class Order(Value):
    """A letter that is to be written. Whom and what it names is sealed until then."""

    kind: Kind
    to: str
    language: Language
    token: str | None = Field(default=None, repr=False)
    """What the letter's link carries."""
    facts: dict[str, str] = Field(default_factory=dict)
    """What else the text names."""


def language_of(accepted: str | None, *, otherwise: Language) -> Language:
    """Return the language of ours that an `Accept-Language` header names first, whatever its weights."""
    for part in (accepted or "").split(","):
        tongue = part.strip().lower()[:2]
        for known in LANGUAGES:
            if tongue == known:
                return known
    return otherwise
