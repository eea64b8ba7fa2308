"""What a file is, and what is refused before and while it is read."""

import datetime
import io

import pytest
from PIL import Image

from converto.kernel.errors import Error
from converto.ocr.document import EngineChoice
from converto.ocr.files.media import Inspected, MediaType, inspect
from converto.ocr.reading import read
from converto.ocr.refusals import HarmfulFile
from tests.ocr.damaged import heic
from tests.ocr.damaged_pdfs import hostile_pdfs
from tests.ocr.malformed import MAX_BYTES, Malformed, malformed
from tests.ocr.odd_pictures import odd_pictures
from tests.ocr.pdfs import pdf_of_text

CASES = malformed()


@pytest.fixture(params=CASES, ids=[case.name for case in CASES])
def case(request: pytest.FixtureRequest) -> Malformed:
    found: Malformed = request.param
    return found


def look_at(case: Malformed) -> None:
    if case.refused_at_once:
        inspect(case.content, max_bytes=MAX_BYTES)
    else:
        read(case.content, languages=["eng"], engine=EngineChoice.TESSERACT, today=datetime.date(2026, 1, 2))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_what_is_no_document_is_refused_with_its_own_reason(case: Malformed) -> None:
    with pytest.raises(Error) as refusal:
        look_at(case)

    assert refusal.value.code == case.code
    assert 400 <= refusal.value.status < 500
    assert "{" not in refusal.value.detail


@pytest.mark.parametrize("case", [case for case in CASES if not case.refused_at_once], ids=lambda case: case.name)
def test_what_only_reading_can_find_passes_the_inspection(case: Malformed) -> None:
    assert inspect(case.content, max_bytes=MAX_BYTES).pages >= 1


def test_the_corpus_holds_at_least_sixty_files_of_different_names() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("kind", [kind for kind in MediaType if kind not in (MediaType.PDF, MediaType.HEIC)])
def test_a_picture_is_known_by_its_bytes(kind: MediaType) -> None:
    file = io.BytesIO()
    Image.new("L", (40, 60), 255).save(file, kind.name)

    assert inspect(file.getvalue()) == Inspected(kind, 1, 40, 60)


def test_a_picture_of_an_iphone_is_known_by_its_bytes() -> None:
    assert inspect(heic(Image.new("RGB", (40, 60)))) == Inspected(MediaType.HEIC, 1, 40, 60)


def test_a_picture_that_would_be_gone_through_for_minutes_is_refused_before() -> None:
    with pytest.raises(HarmfulFile, match="scans"):
        inspect(odd_pictures()["JPEG of 8,000 x 9,000 and 3,000 scans"])


def test_a_table_that_unpacks_to_a_gigabyte_is_refused_before_it_does() -> None:
    with pytest.raises(HarmfulFile, match="immense"):
        inspect(hostile_pdfs()["a table of objects of 900 MB"])


def test_a_pdf_of_more_streams_than_can_be_looked_at_is_refused() -> None:
    with pytest.raises(HarmfulFile, match="streams"):
        inspect(b"%PDF-1.7\n" + b"stream\n" * 2_000_000)


def test_a_tiff_of_empty_pages_without_end_is_counted_only_as_far_as_matters() -> None:
    with pytest.raises(Error) as refusal:
        inspect(odd_pictures()["TIFF of a page and 500,000 empty ones"])

    assert refusal.value.code in {"ocr.too_many_pages", "ocr.damaged_file"}


def test_a_pdf_of_fifty_pages_is_taken() -> None:
    assert inspect(pdf_of_text([["A"]] * 50)) == Inspected(MediaType.PDF, 50)


def test_every_page_of_a_tiff_counts() -> None:
    file = io.BytesIO()
    Image.new("1", (40, 60)).save(file, "TIFF", save_all=True, append_images=[Image.new("1", (40, 60))] * 2)

    assert inspect(file.getvalue()).pages == 3


def test_a_film_behind_a_phones_jpeg_is_no_harm() -> None:
    file = io.BytesIO()
    Image.new("L", (40, 60), 255).save(file, "JPEG")

    assert inspect(file.getvalue() + b"\x00\x00\x00\x18ftypmp42" + bytes(2000)).media_type is MediaType.JPEG
