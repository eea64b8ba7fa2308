import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from pypdfium2 import PdfDocument
from stdnum import iban
from stdnum.fi import alv, ytunnus

from samples.companies import reference_number
from samples.degraded import KINDS, degraded
from samples.generate import documents, generate, main, truth
from samples.letter import bank_barcode
from samples.paper import font
from samples.sale import Sale

COMMITTED = Path(__file__).parents[2] / "samples" / "documents"
SALES = [sale for sale, _ in documents()]
LEGAL_RATES = {2025: {"0", "10", "14", "25.5"}, 2026: {"0", "10", "13.5", "25.5"}}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    generate(folder)
    return folder


@pytest.fixture(params=SALES, ids=lambda sale: sale.file)
def sale(request: pytest.FixtureRequest) -> Sale:
    found: Sale = request.param
    return found


def test_vat_lines_add_up_to_the_total(sale: Sale) -> None:
    told = sale.truth()
    lines = [{name: Decimal(value) for name, value in line.items()} for line in told["vat_lines"]]

    assert all(line["net"] + line["vat"] == line["gross"] for line in lines)
    assert sum(line["gross"] for line in lines) == Decimal(told["fields"]["total"])
    assert sum(line["vat"] for line in lines) == Decimal(told["fields"]["vat_total"])
    assert sum(line["net"] for line in lines) == Decimal(told["fields"]["net_total"])


def test_vat_is_the_rate_of_the_net_within_half_a_cent_of_either_way_to_round(sale: Sale) -> None:
    for line in sale.vat_lines:
        assert abs(line.vat - line.net * line.rate / 100) <= Decimal("0.0065")


def test_rows_add_up_to_the_total(sale: Sale) -> None:
    rows = sum(Decimal(row["total"]) for row in sale.truth()["line_items"])

    assert rows == (sale.total if sale.prices_with_vat else sale.net_total)


def test_rates_are_in_force_on_the_day_printed(sale: Sale) -> None:
    told = sale.truth()

    assert {line["rate"] for line in told["vat_lines"]} <= LEGAL_RATES[date.fromisoformat(told["fields"]["date"]).year]


def test_identifiers_have_right_check_digits(sale: Sale) -> None:
    assert ytunnus.is_valid(sale.company.business_id)
    assert alv.is_valid(sale.company.vat_id)
    assert not sale.company.iban or iban.is_valid(sale.company.iban)


def test_business_ids_are_from_a_range_that_is_not_issued(sale: Sale) -> None:
    assert sale.company.business_id.startswith("9")


def test_reference_number_of_the_banks_guide_gets_its_check_digit() -> None:
    assert reference_number(123456) == "1234561"


def test_bank_barcode_has_54_digits_with_account_amount_reference_and_due_date() -> None:
    office = next(sale for sale in SALES if sale.file == "09-invoice.pdf")

    assert bank_barcode(office) == "4" + "2112345600000785" + "002739" + "43" + "000" + "00000020261187004528" + "261113"


def test_pages_are_as_many_as_told(drawn: Path, sale: Sale) -> None:
    path = drawn / sale.file
    if path.suffix == ".pdf":
        with PdfDocument(path) as document:
            assert len(document) == sale.pages
    else:
        with Image.open(path) as picture:
            assert getattr(picture, "n_frames", 1) == sale.pages
            assert Image.MIME[str(picture.format)] == sale.media_type


def test_photo_is_stored_sideways_and_upright_by_its_exif(drawn: Path) -> None:
    with Image.open(drawn / "04-hardware-photo.jpg") as stored:
        upright = ImageOps.exif_transpose(stored)

        assert stored.width > stored.height
        assert upright.height > upright.width


def test_invoice_has_a_text_layer_with_its_facts_and_the_scanned_one_has_none(drawn: Path) -> None:
    with PdfDocument(drawn / "09-invoice.pdf") as written, PdfDocument(drawn / "10-invoice-scanned.pdf") as scanned:
        text = "".join(page.get_textpage().get_text_bounded() for page in written)

        for fact in ("Mäntyniemen Toimistopalvelu Oy", "9873301-7", "FI21 1234 5600 0007 85", "2026 11870 04528", "13.11.2026", "2 739,43"):
            assert fact in text
        assert scanned[0].get_textpage().count_chars() == 0


def test_fonts_have_finnish_letters_and_the_euro_sign() -> None:
    for name in ("mono", "sans", "sans-bold"):
        shapes = {font(name, 24).getmask(letter).getbbox() and bytes(font(name, 24).getmask(letter)) for letter in "äöåÄÖÅ€\uffff"}
        assert len(shapes) == 8


def test_drawing_twice_gives_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    again = generate(tmp_path)

    assert [path.name for path in again if path.read_bytes() != (drawn / path.name).read_bytes()] == []


def test_committed_truth_is_what_the_generator_tells() -> None:
    assert json.loads((COMMITTED / "truth.json").read_text(encoding="utf-8")) == truth()


def test_committed_files_are_those_told_and_small() -> None:
    names = {path.name for path in COMMITTED.iterdir()}

    assert names == {sale.file for sale in SALES} | {"truth.json"}
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 2_000_000


def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "OUT_DIR" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_made_worse_and_the_same_way_each_time(kind: str) -> None:
    with Image.open(COMMITTED / "01-grocery.png") as opened:
        page = opened.convert("L")

    worse = degraded(page, kind, seed="one")

    assert worse.tobytes() == degraded(page, kind, seed="one").tobytes()
    assert worse.tobytes() != page.tobytes()


def test_only_what_is_known_is_done_to_a_page() -> None:
    with pytest.raises(ValueError, match="crumpled"):
        degraded(Image.new("L", (9, 9)), "crumpled", seed="one")
