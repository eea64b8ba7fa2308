"""Confidences are shares of right values, as far as they were measured."""

import datetime

import pytest

from converto.ocr.document import Fields, Found, Kind, Source
from converto.ocr.understanding.calibration import between, calibrated, meaning, way_of
from converto.ocr.understanding.extraction import Extracted

DAY = datetime.date(2026, 11, 14)


def extracted(found: Found[datetime.date]) -> Extracted:
    return Extracted(kind=Kind.RECEIPT, fields=Fields(date=found), vat_lines=(), line_items=(), findings=(), confidence=0.9)


def test_between_two_knots_a_confidence_means_what_lies_on_the_line() -> None:
    knots = [(0.5, 0.2), (0.9, 0.8)]

    assert [round(between(knots, at), 3) for at in (0.25, 0.5, 0.7, 0.9, 0.99)] == [0.1, 0.2, 0.5, 0.8, 0.8]


@pytest.mark.parametrize("way", ["tesseract", "rapidocr", "both"])
@pytest.mark.parametrize("field", ["total", "date", "vendor"])
def test_a_surer_value_is_never_shown_as_less_sure(field: str, way: str) -> None:
    shown = [meaning(field, at / 100, way) for at in range(101)]

    assert shown == sorted(shown)
    assert shown[0] >= 0
    assert shown[-1] < 1


def test_what_was_never_measured_is_shown_as_it_is() -> None:
    assert meaning("total", 0.9, "") == 0.9
    assert meaning("category", 0.6, "both") == 0.6


def test_the_way_of_a_document_is_what_read_its_pictures() -> None:
    assert way_of(["text-layer"]) == ""
    assert way_of(["text-layer", "tesseract"]) == "tesseract"
    assert way_of(["tesseract", "rapidocr"]) == "both"


def test_a_value_from_an_answer_key_keeps_its_confidence() -> None:
    key = Found[datetime.date](value=DAY, confidence=0.99, page=1, source=Source.BARCODE)

    shown = calibrated(extracted(key), ["tesseract"], []).fields.date

    assert shown is not None
    assert shown.confidence == 0.99


def test_a_value_that_is_more_likely_wrong_than_right_is_said_to_be_unsure() -> None:
    doubtful = Found[datetime.date](value=DAY, confidence=0.05, page=1)

    assert [finding.code for finding in calibrated(extracted(doubtful), ["tesseract"], []).findings] == ["unsure"]
