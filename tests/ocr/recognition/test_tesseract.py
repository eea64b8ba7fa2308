"""Tesseract within the process and by its command read alike."""

from pathlib import Path

import pytest

from converto.ocr.files.pages import Picture, save
from converto.ocr.recognition import installed, tesseract, tesseract_library
from converto.ocr.refusals import ReaderFailed
from tests.ocr.drawn import drawn


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    return save(drawn(), tmp_path_factory.mktemp("pages") / "page.pgm")


def test_in_the_process_and_by_the_command_the_same_is_read(picture: Picture) -> None:
    table = tesseract_library.table(picture, languages=["fin"], tessdata=installed.tessdata(), segmentation=6, timeout_s=30)
    tables = (table, tesseract.table_by_command(picture, languages=["fin"], timeout_s=30))
    within, commanded = (tesseract.parse_table(found, size=(picture.width, picture.height), page=1) for found in tables)

    assert tesseract.is_in_process()
    # another version of Tesseract may see other letters in a row of stars
    assert sum(one.text == other.text for one, other in zip(within, commanded, strict=True)) >= len(commanded) - 1
    assert within[0].words[0].x == pytest.approx(commanded[0].words[0].x, abs=0.01)


def test_a_picture_that_is_none_fails_as_a_reading(tmp_path: Path) -> None:
    broken = tmp_path / "page.pgm"
    broken.write_bytes(b"P5 not a picture")

    with pytest.raises(ReaderFailed):
        tesseract_library.table(Picture(broken, 10, 10), languages=["fin"], tessdata=installed.tessdata(), segmentation=6, timeout_s=30)


def test_a_page_that_takes_too_long_fails(picture: Picture) -> None:
    with pytest.raises(ReaderFailed, match="too long"):
        tesseract_library.table(picture, languages=["fin"], tessdata=installed.tessdata(), segmentation=6, timeout_s=0.001)
