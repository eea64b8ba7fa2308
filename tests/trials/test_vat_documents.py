"""Value added tax from documents: bank barcodes on damaged slips, printed tax to the cent, and documents that were made up."""

import asyncio
import datetime
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageFilter

from converto.commands.vat import read_documents
from converto.kernel.identifiers.check_digits import is_business_id
from converto.ocr.answer_keys.codes import Code, glance, has_bars, search
from converto.ocr.answer_keys.payments import payment_of
from converto.vat.booking import booked_line
from converto.vat.boxes import installed_form
from converto.vat.drafting import Drafted, drafted, with_known_rates
from converto.vat.findings import Known, findings
from converto.vat.rates import installed_rates
from converto.vat.today import today
from converto.vat.vouchers import VoucherFinding
from samples.paper import Paper, Row, centre, columns, gap, left, pair
from samples.till import FOUR, euros
from tests.kernel.identifiers.encoders import barcode_digits, creditor_reference, drawn_barcode, finnish_iban, reference_number
from tests.trials.conftest import SAMPLES

pytestmark = [pytest.mark.trials, pytest.mark.timeout(1500)]

SLIPS = int(os.environ.get("CONVERTO_TRIAL_SLIPS", "300"))
LEAST_READ = 0.99
# An A4 page at 200 dots an inch, its barcode 105 mm wide and 12 mm high.
PAGE, BARCODE = (1654, 2339), (827, 94)
# A folder with documents and labels.json, which says of each stem: {"vat": [{"rate": ..., "net": ..., "vat": ..., "gross": ...}]}.
LABELLED = "CONVERTO_TRIAL_VAT_RECEIPTS"
# Folders of real documents, of which none is to be suspect; several as in PATH.
REAL = "CONVERTO_TRIAL_REAL_DOCUMENTS"
# Those of them that contradict themselves, as a person saw who looked at each; several with commas.
TRULY_OFF = frozenset(os.environ.get("CONVERTO_TRIAL_TRULY_OFF", "").split(","))
CONTRADICTIONS = frozenset({"sum_mismatch", "vat_off_tolerance", "barcode_mismatch"})
# So many of each folder, drawn by lot; without it all of them.
SAMPLE = int(os.environ.get("CONVERTO_TRIAL_SAMPLE", "0"))
SCANS = int(os.environ.get("CONVERTO_TRIAL_SCANS", "3"))  # of each document with a text of its own, each damaged in another way
SCANNED_AT = 200 / 72
KINDS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".pdf"}
MADE_UP = 8
SHOPS = ("Kahvila Kuutamo Oy", "Rautakauppa Repo", "Lounaspaikka Vaahtera", "Kirjakauppa Kuusi Ky", "Kukkapuoti Lumme", "Pesula Puhtaus Oy")


def test_bank_barcodes_on_damaged_slips_are_read() -> None:
    chance, read, wrong = random.Random(200), 0, []  # noqa: S311 - not for secrets
    for _ in range(SLIPS):
        digits = _digits(chance)
        found = _payment(_damaged(_slip(digits, chance), chance))
        read += found == digits
        wrong += [found] if found not in (None, digits) else []
    print(f"\n{SLIPS} slips at 200 dpi, blurred, noisy and turned: {read} read ({read / SLIPS:.4f}), {len(wrong)} wrong")
    assert wrong == []
    assert read / SLIPS >= LEAST_READ


def _digits(chance: random.Random) -> str:
    iban = finnish_iban(f"{chance.choice('12568')}{chance.randrange(10**12):012}")
    number = reference_number(str(chance.randrange(100, 10**12)))
    reference = creditor_reference(number) if chance.random() < 0.5 else number
    due = datetime.date(2026, 1, 1) + datetime.timedelta(days=chance.randrange(700))
    return barcode_digits(iban, Decimal(chance.randrange(1, 10**8)).scaleb(-2), reference, due)


def _slip(digits: str, chance: random.Random) -> Image.Image:
    page = Image.new("L", PAGE, chance.randint(225, 255))
    page.paste(drawn_barcode(digits, module=6, height=240).resize(BARCODE, Image.Resampling.BOX), (170 + chance.randrange(120), 2050))
    return page


def _damaged(page: Image.Image, chance: random.Random) -> Image.Image:
    turned = page.rotate(chance.uniform(-4, 4), Image.Resampling.BICUBIC, fillcolor=240)
    blurred = turned.filter(ImageFilter.GaussianBlur(chance.uniform(0, 0.8)))
    return ImageChops.add(blurred, Image.effect_noise(blurred.size, chance.uniform(1, 12)), offset=-128)


def _payment(page: Image.Image) -> str | None:
    """Return the digits of the payment that the reader would find, by the looks that it takes."""
    for codes in _looks(page):
        for code in codes:
            if payment_of(code.content, is_qr=code.is_qr, page=1, box=code.box) is not None:
                return code.content.decode()
    return None


def _looks(page: Image.Image) -> Iterator[Sequence[Code]]:
    yield glance(page, page=1)
    if has_bars(page):
        yield from search(page, page=1)


def test_printed_tax_is_kept_to_the_cent() -> None:
    labelled = list(_labelled())
    missed = []
    for (path, rows), found in zip(labelled, _drafted([path for path, _ in labelled]), strict=True):
        kept = set() if found is None else {_cents(line) for line in _booked(found)}
        missed += [f"{path.stem}: {row}" for row in rows if row not in kept]
    count = sum(len(rows) for _, rows in labelled)
    print(f"\n{len(labelled)} documents with {count} rows of tax: {count - len(missed)} kept to the cent; missed: {missed}")
    assert missed == []
    assert count > 0


def _labelled() -> Iterator[tuple[Path, Sequence[tuple[Decimal, ...]]]]:
    folder = os.environ.get(LABELLED)
    if folder:
        told = json.loads((Path(folder) / "labels.json").read_text(encoding="utf-8"))
        files = {path.stem: path for path in Path(folder).rglob("*") if path.suffix in KINDS}
        for stem, truth in sorted(told.items()):
            yield files[stem], [_row(row) for row in truth["vat"]]
        return
    for one in json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["documents"]:
        yield SAMPLES / one["file"], [_row(row) for row in one["vat_lines"]]


def _row(row: Mapping[str, str]) -> tuple[Decimal, ...]:
    return tuple(Decimal(row[name]) for name in ("rate", "net", "vat", "gross"))


def _cents(line: object) -> tuple[Decimal, ...]:
    return tuple(getattr(line, name) for name in ("rate", "net", "vat", "gross"))


def _booked(found: Drafted) -> Sequence[object]:
    known, on = with_known_rates(found, installed_rates()).voucher, found.voucher.tax_date
    return [booked_line(line, at, rates=installed_rates(), form=installed_form(), on=on) for at, line in enumerate(known.lines, start=1)]


def _drafted(paths: Sequence[Path]) -> Sequence[Drafted | None]:
    return [drafted(scan, installed_rates()) for scan in asyncio.run(read_documents(paths))]


def _suspect(paths: Sequence[Path]) -> Mapping[str, str]:
    """Return which documents are taken for made up, and why."""
    found = zip(paths, _drafted(paths), strict=True)
    noted = [(path.name, one) for path, drafted in found if drafted is not None for one in drafted.noted]
    return {name: dict(one.details)["why"] for name, one in noted if one.code == "synthetic_suspect"}


def _real() -> Iterator[Path]:
    chance = random.Random(7)  # noqa: S311 - not for secrets
    for folder in (Path(name) for name in os.environ.get(REAL, str(SAMPLES)).split(os.pathsep)):
        found = sorted(path for path in folder.rglob("*") if path.suffix in KINDS)
        yield from sorted(chance.sample(found, SAMPLE)) if 0 < SAMPLE < len(found) else found


def test_no_real_document_is_taken_for_a_made_up_one() -> None:
    paths = list(_real())
    suspect = _suspect(paths)
    print(f"\n{len(paths)} real documents, {len(suspect)} taken for made up: {suspect}")
    assert suspect == {}


def _findings(found: Drafted) -> Sequence[VoucherFinding]:
    known, rates = with_known_rates(found, installed_rates()), installed_rates()
    voucher, form = known.voucher, installed_form()
    lines = [booked_line(line, at, rates=rates, form=form, on=voucher.tax_date) for at, line in enumerate(voucher.lines, start=1)]
    return findings(voucher, lines, rates, known=Known(today=today()), also=known.noted)


def test_no_real_document_with_a_text_of_its_own_is_said_to_contradict_itself() -> None:
    paths = [path for path in _real() if path.suffix == ".pdf"]
    told = {path.stem: _findings(found) for path, found in zip(paths, _drafted(paths), strict=True) if found is not None}
    off = {stem: [f"{one.code} {dict(one.details)}" for one in found if one.code in CONTRADICTIONS] for stem, found in told.items()}
    off = {stem: codes for stem, codes in off.items() if codes}
    print(f"\n{len(paths)} documents, {dict(Counter(one.code for found in told.values() for one in found))}")
    print("\n".join(f"{stem}: {', '.join(codes)}" for stem, codes in off.items()))
    assert set(off) == TRULY_OFF & {path.stem for path in paths}


def test_no_real_document_that_was_printed_and_scanned_is_taken_for_a_made_up_one(tmp_path: Path) -> None:
    chance, paths = random.Random(41), list[Path]()  # noqa: S311 - not for secrets
    for path in (one for one in _real() if one.suffix == ".pdf"):
        page = pypdfium2.PdfDocument(path)[0].render(scale=SCANNED_AT).to_pil().convert("L")
        for at in range(SCANS):
            paths.append(tmp_path / f"{path.stem}-{at}.png")
            _damaged(page, chance).save(paths[-1])
    suspect = _suspect(paths)
    print(f"\n{len(paths)} damaged scans of real documents, {len(suspect)} taken for made up: {suspect}")
    assert suspect == {}


@pytest.mark.parametrize("kind", ["drawn", "generated"])
def test_made_up_receipts_are_noticed(kind: str, tmp_path: Path) -> None:
    chance = random.Random(kind)  # noqa: S311 - not for secrets
    paths = [tmp_path / f"{kind}-{at}.png" for at in range(MADE_UP)]
    for path in paths:
        Paper().print_rows(_made_up(chance, kind)).save(path)
    noticed = _suspect(paths)
    print(f"\n{MADE_UP} {kind} receipts, {len(noticed)} noticed: {noticed}")
    assert set(noticed) == {path.name for path in paths}


def _made_up(chance: random.Random, kind: str) -> list[Row]:
    """Return a receipt as a model draws it, where nothing holds, or as a generator prints it, where all does but its own words."""
    is_drawn = kind == "drawn"
    net = Decimal(chance.randrange(1000, 90_000)).scaleb(-2)
    rate = chance.choice((Decimal("25.5"), Decimal("13.5")))
    tax = (net * rate / 100).quantize(Decimal("0.01"))
    shown = (tax * Decimal(chance.choice(("1.4", "0.6")))).quantize(Decimal("0.01")) if is_drawn else tax
    said = chance.choice(("MALLIKUITTI", "SAMPLE RECEIPT", "ESIMERKKIKUITTI"))
    return [
        centre(chance.choice(SHOPS), scale=1.35, bold=True),
        centre(f"Y-tunnus {_business_id(chance, holds=not is_drawn)}"),
        gap(),
        left(f"Kuitti {chance.randrange(1000, 9999)}    {chance.randrange(1, 28)}.{chance.randrange(1, 11)}.2026"),
        pair("TUOTTEET", euros(net + shown)),
        pair("YHTEENSÄ EUR", euros(net + shown)),
        gap(),
        columns("ALV", "VEROTON", "VERO", "VEROLLINEN", at=FOUR),
        columns(f"{rate:.2f}%".replace(".", ","), euros(net), euros(shown), euros(net + shown), at=FOUR),
        centre("KIITOS KÄYNNISTÄ" if is_drawn else said),
    ]


def _business_id(chance: random.Random, *, holds: bool) -> str:
    while True:
        made = f"{chance.randrange(10**6, 4 * 10**6):07}-{chance.randrange(10)}"
        if is_business_id(made) is holds:
            return made
