from typing import Any

import pytest
from rich.console import Console, RenderableType

from converto.commands.confidence import level
from converto.commands.show import document, summary


def found(value: object, confidence: float = 0.97) -> dict[str, Any]:
    return {"value": value, "confidence": confidence, "page": 1, "box": None, "source": "ocr"}


def scan(**changes: Any) -> dict[str, Any]:
    names = ("vendor", "business_id", "date", "time", "total", "vat_total", "payment_method", "card_last4", "iban")
    return {
        "id": "0192f0c1",
        "status": "completed",
        "kind": "receipt",
        "engine": "tesseract 5.3.0",
        "languages": ["fin"],
        "pages": 1,
        "confidence": 0.96,
        "duration_ms": 840,
        "fields": dict.fromkeys(names)
        | {
            "vendor": found("Tuulikin Lähikauppa Oy"),
            "date": found("2026-11-14", 0.8),
            "time": found("17:42:00"),
            "total": found({"amount": "28.63", "currency": "EUR"}),
            "payment_method": found("card", 0.4),
            "card_last4": found("4417"),
        },
        "vat_lines": [{"rate": "25.5", "net": "6.76", "vat": "1.72", "gross": "8.48", "confidence": 0.97, "box": None}],
        "line_items": [],
        "findings": [],
    } | changes


def shown(what: RenderableType, *, width: int) -> list[str]:
    console = Console(width=width, color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(what)
    return capture.get().splitlines()


def line_with(text: str, lines: list[str]) -> str:
    return next(line for line in lines if text in line)


@pytest.mark.parametrize("width", [80, 120])
def test_document_shows_each_field_with_its_confidence_in_a_word(width: int) -> None:
    lines = shown(document(scan(), title="a.png", width=width), width=width)

    assert "97% sure" in line_with("Tuulikin Lähikauppa Oy", lines)
    assert "80% likely" in line_with("2026-11-14 17:42 ", lines)
    assert "40% check" in line_with("card ****4417", lines)
    assert "net 6.76 + VAT 1.72 = 8.48" in line_with("VAT 25.5 %", lines)
    assert "28.63 EUR" in line_with("Total", lines)
    assert max(map(len, lines)) <= width


def test_document_says_that_an_expected_field_was_not_found_and_is_silent_about_others() -> None:
    lines = shown(document(scan(), title="a.png", width=80), width=80)

    assert "not found" in line_with("Business id", lines)
    assert not any("IBAN" in line for line in lines)


def test_document_shows_findings_with_their_code() -> None:
    finding = {"code": "sum_mismatch", "severity": "warning", "field": "vat_total", "detail": "The rows add up to 1.73."}

    lines = shown(document(scan(findings=[finding]), title="a.png", width=80), width=80)

    assert "! The rows add up to 1.73.  sum_mismatch" in line_with("add up", lines)


def test_a_vat_row_without_net_shows_a_dash_and_no_number() -> None:
    row = {"rate": "14", "net": None, "vat": "4.97", "gross": None, "confidence": 0.9, "box": None}

    assert "net - + VAT 4.97 = -" in line_with("VAT 14 %", shown(document(scan(vat_lines=[row]), title="a.png", width=80), width=80))


def test_text_of_a_document_steers_neither_the_terminal_nor_the_markup() -> None:
    nasty = scan(fields={"vendor": found("\x1b[2JEvil\x07 [bold]Oy[/bold]\nb")})

    text = "\n".join(shown(document(nasty, title="\x1b]0;a", width=80), width=80))

    assert "[2JEvil [bold]Oy[/bold] b" in text
    assert "\x1b" not in text


def test_failed_scan_says_why() -> None:
    failed = {"status": "failed", "error": {"code": "ocr.locked", "detail": "The PDF is locked with a password."}}

    assert line_with("locked", shown(document(failed, title="a.pdf", width=80), width=80))
    assert line_with("a.pdf", shown(summary([("a.pdf", failed)], width=120), width=120)).rstrip().endswith("failed")


def test_narrow_summary_keeps_dates_and_amounts_whole() -> None:
    long = scan(fields={"vendor": found("Mäntyniemen Toimistopalvelu ja Kirjakauppa Oy"), "date": found("2026-10-30")})
    long["fields"]["total"] = found({"amount": "12739.43", "currency": "EUR"})

    lines = shown(summary([("a-rather-long-name-of-a-file.pdf", long)], width=80), width=80)

    row = line_with("a-rather", lines)
    assert "2026-10-30" in row
    assert "12739.43 EUR" in row
    assert "1.72" in row
    assert max(map(len, lines)) <= 80


def test_wide_summary_shows_vat_by_rate_and_the_business_id() -> None:
    rows = scan(vat_lines=[{"rate": "25.5", "vat": "1.72"}, {"rate": "13.5", "vat": "2.40"}])
    rows["fields"]["business_id"] = found("9412670-3")

    lines = shown(summary([("a.png", rows)], width=120), width=120)

    assert "1.72 (25.5 %)" in line_with("9412670-3", lines)
    assert line_with("2.40 (13.5 %)", lines)


@pytest.mark.parametrize(
    ("confidence", "word"),
    [(1.0, "sure"), (0.9, "sure"), (0.895, "sure"), (0.894, "likely"), (0.7, "likely"), (0.69, "check"), (0.0, "check")],
)
def test_word_of_a_confidence(confidence: float, word: str) -> None:
    assert level(confidence).word == word


def test_document_says_what_was_told_by_a_barcode_and_by_an_e_invoice() -> None:
    told = scan()
    told["fields"]["iban"] = {**found("FI2112345600000785", 0.99), "source": "barcode"}
    told["vat_lines"][0]["source"] = "e-invoice"

    lines = shown(document(told, title="a.pdf", width=80), width=80)

    assert "FI2112345600000785  bank barcode" in line_with("IBAN", lines)
    assert "= 8.48  e-invoice" in line_with("VAT 25.5 %", lines)
    assert "bank barcode" not in line_with("Total", lines)
