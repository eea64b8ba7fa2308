"""What was said of a seller once, for the next documents of the same seller: within one company, never beyond it."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from converto.ocr.document import Fields
from converto.ocr.scans.corrections import entry, scan_learned_from, text_of

_LONGEST_KEY = 180


class Hint(Protocol):
    """What is kept under a sign of a seller."""

    key: str
    vendor: str | None
    business_id: str | None
    scan_id: UUID
    corrected_at: datetime
    corrected_by: UUID | None
    api_key_id: UUID | None


class Lesson(NamedTuple):
    """What is to be kept under a sign; what is not named stays as it was."""

    key: str
    said: Mapping[str, str | None]


def folded(name: str) -> str:
    """Return a name without case, diacritics and what is no letter or digit: two readings of one name are mostly equal then."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", " ", plain).strip()


def signs(machine: Fields, business_id: str | None) -> dict[str, str]:
    """Return the keys that a document's seller is known by: by its business id, and by the name as the machine read it."""
    found = {}
    if business_id:
        found["id"] = f"id:{business_id}"
    name = folded(text_of(machine.vendor) or "")
    if name:
        found["name"] = f"name:{name[:_LONGEST_KEY]}"
    return found


def lessons(machine: Fields, now: Fields, changes: Collection[str], *, vendor_was_said: bool) -> Sequence[Lesson]:
    """Return what is to be learned of a correction; `now` are the fields after it."""
    keys = signs(machine, text_of(now.business_id))
    vendor, business_id = text_of(now.vendor), text_of(now.business_id)
    found = []
    if "vendor" in changes:
        found += [Lesson(key, {"vendor": vendor}) for key in keys.values()]
    elif "business_id" in changes and vendor_was_said and "id" in keys:
        found.append(Lesson(keys["id"], {"vendor": vendor}))
    if "name" in keys and {"vendor", "business_id"} & set(changes):
        found.append(Lesson(keys["name"], {"business_id": business_id}))
    return found


def learned(machine: Fields, hints: Mapping[str, Hint]) -> dict[str, Any]:
    """Return the corrections that a document gets from what was said of its seller before."""
    number, name = text_of(machine.business_id), text_of(machine.vendor)
    keys = signs(machine, number)
    by_id, by_name = hints.get(keys.get("id", "")), hints.get(keys.get("name", ""))
    if by_name is not None and number and by_name.business_id and by_name.business_id != number:
        by_name = None  # another seller, whose name was read alike
    found = {}
    hint = by_id if by_id is not None and by_id.vendor else by_name
    if hint is not None and hint.vendor and hint.vendor != name:
        found["vendor"] = _entry(hint, hint.vendor)
    if by_name is not None and by_name.business_id and number is None:
        found["business_id"] = _entry(by_name, by_name.business_id)
    return found


def _entry(hint: Hint, value: str) -> dict[str, Any]:
    return entry(value, hint.corrected_at, learned=scan_learned_from(hint.scan_id, hint.corrected_by, hint.api_key_id))
