"""Tesseract within the process and by its command read alike, and one without the other is enough."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

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


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_in_the_process_and_by_the_command_a_page_is_turned_alike(tmp_path: Path, degrees: int) -> None:
    turned = save(drawn().rotate(degrees, expand=True), tmp_path / "page.pgm")

    turn, sure = tesseract_library.turn(turned, tessdata=installed.tessdata())

    assert turn == degrees == tesseract.turn_by_command(turned, timeout_s=30)[0]
    assert sure >= 1


def test_a_white_page_is_not_turned(tmp_path: Path) -> None:
    assert tesseract.quarter_turns(save(Image.new("L", (400, 300), 255), tmp_path / "page.pgm"), timeout_s=30) == 0


def test_where_there_are_languages_and_no_command_the_library_reads(picture: Picture) -> None:
    alone = {**os.environ, "PATH": "/nowhere", "TESSDATA_PREFIX": installed.tessdata(), "PYTHONPATH": os.pathsep.join(sys.path)}
    asked = (
        "from pathlib import Path; from converto.ocr.files.pages import Picture; from converto.ocr.recognition import installed, tesseract;"
        f"page = Picture(Path({str(picture.path)!r}), {picture.width}, {picture.height});"
        "lines = tesseract.read_picture(page, languages=['fin'], page=1, timeout_s=30);"
        "print(len(lines), tesseract.quarter_turns(page, timeout_s=30), bool(installed.version()), *installed.languages())"
    )

    told = subprocess.run([sys.executable, "-c", asked], env=alone, capture_output=True, text=True, check=True).stdout.split()

    assert int(told[0]) > 10
    assert told[1:3] == ["0", "True"]
    assert told[3:] == list(installed.languages())


def test_a_picture_that_is_none_fails_as_a_reading(tmp_path: Path) -> None:
    broken = tmp_path / "page.pgm"
    broken.write_bytes(b"P5 not a picture")

    with pytest.raises(ReaderFailed):
        tesseract_library.table(Picture(broken, 10, 10), languages=["fin"], tessdata=installed.tessdata(), segmentation=6, timeout_s=30)


def test_a_page_that_takes_too_long_fails(picture: Picture) -> None:
    with pytest.raises(ReaderFailed, match="too long"):
        tesseract_library.table(picture, languages=["fin"], tessdata=installed.tessdata(), segmentation=6, timeout_s=0.001)
