import datetime
import json
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from bench.measuring.customer import Customer, Scan
from tests.trials.conftest import SAMPLES

pytestmark = [pytest.mark.trials, pytest.mark.timeout(1500)]

# A folder with img/ and gt.json, which says of each picture's stem: {"entities": {"company": ..., "date": ..., "total": ...}}.
FOLDER, LANGUAGES = "CONVERTO_TRIAL_RECEIPTS", "CONVERTO_TRIAL_LANGUAGES"
LEAST = {"total": 0.75, "date": 0.80}
LEAST_ON_SAMPLES = {"total": 1.0, "date": 1.0, "vendor": 0.9}
DAYS = (*(f"%d{mark}{month}{mark}{year}" for mark in "/-. " for month in ("%m", "%b", "%B") for year in ("%Y", "%y")),
        "%d%b%Y", "%b %d, %Y", "%b %d %Y", "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d%m%Y")  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A picture and what is printed on it."""

    path: Path
    languages: str
    printed: Mapping[str, str]


def test_receipts_are_read_as_well_as_promised(customer: Customer) -> None:
    folder = os.environ.get(FOLDER)
    documents = _given(Path(folder)) if folder else _samples()
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        scans = list(pool.map(lambda document: _read(customer, document), documents))

    found = {name: _share_right(documents, scans, name) for name in ("total", "date", "vendor")}
    unread = [document.path.name for document, scan in zip(documents, scans, strict=True) if scan["status"] != "completed"]
    print(f"\n{len(documents)} documents: " + ", ".join(f"{name} {share:.3f}" for name, share in found.items()) + f"; not read: {unread}")
    short = {name: found[name] for name, least in (LEAST if folder else LEAST_ON_SAMPLES).items() if found[name] < least}
    assert short == {}


def _given(folder: Path) -> Sequence[Document]:
    pictures = {path.stem: path for path in (folder / "img").iterdir()}
    languages = os.environ.get(LANGUAGES, "eng")
    documents = []
    for stem, truth in sorted(json.loads((folder / "gt.json").read_text(encoding="utf-8")).items()):
        entities = truth["entities"]
        printed = {"vendor": entities.get("company"), "date": entities.get("date"), "total": entities.get("total")}
        documents.append(Document(pictures[stem], languages, {name: value or "" for name, value in printed.items()}))
    return documents


def _samples() -> Sequence[Document]:
    truths = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["documents"]
    wanted = ("vendor", "date", "total")
    return [Document(SAMPLES / one["file"], "", {name: one["fields"][name] or "" for name in wanted}) for one in truths]


def _read(customer: Customer, document: Document) -> Scan:
    customer.renew()
    return customer.read(document.path.name, document.path.read_bytes(), languages=document.languages)


def _share_right(documents: Sequence[Document], scans: Sequence[Scan], name: str) -> float:
    plain = {"total": _amount, "date": _day, "vendor": _letters}[name]
    pairs = [
        (document.printed[name], _value(scan, name)) for document, scan in zip(documents, scans, strict=True) if document.printed[name]
    ]
    return sum(plain(printed) == plain(read) != "" for printed, read in pairs) / len(pairs)


def _value(scan: Scan, name: str) -> str:
    field = (scan.get("fields") or {}).get(name)
    value = field["value"] if field else ""
    return str(value["amount"] if isinstance(value, dict) else value)


def _amount(text: str) -> str:
    digits = re.sub(r"[^\d.,]", "", text)
    plain = digits.replace(".", "").replace(",", ".") if re.search(r",\d\d$", digits) else digits.replace(",", "")
    try:
        return str(Decimal(plain).quantize(Decimal("0.01")))
    except InvalidOperation:
        return ""


def _day(text: str) -> str:
    for form in DAYS:
        try:
            return datetime.datetime.strptime(text.strip(), form).replace(tzinfo=datetime.UTC).date().isoformat()
        except ValueError:
            continue
    return ""


def _letters(text: str) -> str:
    return "".join(sign for sign in text.upper() if sign.isalnum())
