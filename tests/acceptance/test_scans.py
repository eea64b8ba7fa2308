import io
from typing import Any

import anyio
import httpx2
import pytest
from PIL import Image, ImageDraw

from tests.acceptance.people import Person, is_problem, register, sample
from tests.ocr.pdfs import pdf_of_text

ORIENTATION = 0x0112
TURNED_RIGHT = 6
LOOK_AGAIN_S = 0.05
NOBODY_S_SCAN = "01900000-0000-7000-8000-000000000000"


def slip(text: str) -> bytes:
    """Return a document that is read fast: its text is in it."""
    return pdf_of_text([[text]])


def turned_picture() -> bytes:
    """Return a small picture that was taken with the camera on its side."""
    picture = Image.new("L", (420, 90), 255)
    ImageDraw.Draw(picture).text((20, 20), "KUITTI 12,00", fill=0, font_size=36)
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_RIGHT
    file = io.BytesIO()
    picture.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", exif=exif)
    return file.getvalue()


async def listed(person: Person, query: str = "") -> list[str]:
    answer = await person.get(f"/ocr/scans?{query}")
    assert answer.status_code == 200, answer.text
    return [scan["id"] for scan in answer.json()["items"]]


async def test_an_upload_answers_202_with_the_place_to_ask_at(aino: Person) -> None:
    answer = await aino.upload(slip("KUITTI 1"))

    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["location"] == f"/ocr/scans/{answer.json()['id']}"
    assert "preference-applied" not in answer.headers


async def test_who_does_not_wait_finds_the_finished_scan_later(aino: Person) -> None:
    place = (await aino.upload(slip("KUITTI 2"))).headers["location"]

    statuses: list[str] = []
    while not statuses or statuses[-1] not in {"completed", "failed"}:
        statuses.append((await aino.get(place)).json()["status"])

    assert statuses[-1] == "completed"
    assert set(statuses) <= {"queued", "started", "completed"}


@pytest.mark.in_processes
async def test_prefer_wait_answers_200_with_the_finished_scan(aino: Person) -> None:
    answer = await aino.upload(slip("KUITTI 3"), headers={"prefer": "respond-async, wait=30"})

    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.headers["location"] == f"/ocr/scans/{answer.json()['id']}"


async def test_a_wait_that_is_too_short_answers_202_with_the_scan_as_it_stands(aino: Person) -> None:
    answer = await aino.upload(slip("ODOTA"), headers={"prefer": "wait=0"})

    assert (answer.status_code, answer.json()["fields"]) == (202, None)


@pytest.mark.in_processes
async def test_the_document_comes_back_byte_for_byte(aino: Person) -> None:
    sent = sample("06-english.webp")
    scan = (await aino.upload(sent, "../käyttö/kuitti ä.webp")).json()

    answer = await aino.get(f"/ocr/scans/{scan['id']}/original")

    assert answer.content == sent
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''kuitti%20%C3%A4.webp"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_text_and_page_pictures_come_with_the_reading(aino: Person) -> None:
    document = pdf_of_text([["Lumo Oy", "YHTEENSA 12,00"], ["Toinen sivu"]])
    scan = await aino.read(document, "lasku.pdf")

    pages = [await aino.get(f"/ocr/scans/{scan['id']}/pages/{page}.png") for page in (1, 2, 3)]
    text = await aino.get(f"/ocr/scans/{scan['id']}/text")

    assert scan["pages"] == 2
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert [line for line in text.text.splitlines() if line] == ["Lumo Oy", "YHTEENSA 12,00", "Toinen sivu"]
    for page in pages[:2]:
        assert page.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(page.content)) as picture:
            assert (picture.format, min(picture.size) > 300) == ("PNG", True)
    assert is_problem(pages[2], 404, "ocr.unknown_page")


async def test_the_page_picture_is_the_document_upright(aino: Person) -> None:
    scan = await aino.read(turned_picture())

    answer = await aino.get(f"/ocr/scans/{scan['id']}/pages/1.png")

    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == ("PNG", (420, 90))


async def test_the_text_of_a_document_that_could_not_be_read_answers_409(aino: Person) -> None:
    picture = sample("07-kiosk.jpg")
    failed = await aino.read(picture[: len(picture) // 2])

    answers = [await aino.get(f"/ocr/scans/{failed['id']}/{part}") for part in ("text", "pages/1.png")]

    assert (failed["status"], failed["error"]["code"]) == ("failed", "ocr.damaged_file")
    assert all(is_problem(answer, 409, "ocr.not_read_yet") for answer in answers)
    assert await listed(aino, "status=failed") == [failed["id"]]


async def test_a_list_is_gone_through_page_by_page(aino: Person) -> None:
    sent = [(await aino.upload(slip(f"SIVU {number}"))).json()["id"] for number in range(5)]

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await aino.get(f"/ocr/scans?limit=2{f'&cursor={cursor}' if cursor else ''}")).json()
        assert len(page["items"]) <= 2
        seen += [scan["id"] for scan in page["items"]]
        cursor = page["next_cursor"]

    assert seen == sent[::-1]


async def test_a_list_is_filtered_by_status_and_day(aino: Person) -> None:
    scan = await aino.read(slip("SUODATIN"))
    day = scan["created_at"][:10]

    assert await listed(aino, "status=completed") == [scan["id"]]
    assert await listed(aino, "status=failed") == []
    assert await listed(aino, f"from={day}&to={day}") == [scan["id"]]
    assert await listed(aino, "to=2020-01-01") == []
    assert await listed(aino, "from=2199-01-01") == []


@pytest.mark.parametrize(
    "query", ["cursor=nonsense", "cursor=%F0%9F%A6%8A", "limit=0", "limit=201", "limit=x", "status=lost", "from=today"]
)
async def test_a_wrong_question_to_the_list_answers_422(aino: Person, query: str) -> None:
    answer = await aino.get(f"/ocr/scans?{query}")

    assert is_problem(answer, 422, "bad_cursor" if query.startswith("cursor") else "invalid_request")


async def test_a_deleted_scan_is_gone_with_all_that_belongs_to_it(aino: Person) -> None:
    scan = await aino.read(slip("POIS"))
    place = f"/ocr/scans/{scan['id']}"

    deleted = await aino.ask("DELETE", place)

    assert (deleted.status_code, deleted.content) == (204, b"")
    for path in (place, f"{place}/original", f"{place}/text", f"{place}/pages/1.png"):
        answer = await aino.get(path)
        assert is_problem(answer, 404, "ocr.unknown_scan"), answer.text
        assert answer.json()["detail"] == f"There is no scan {scan['id']}."
    assert is_problem(await aino.ask("DELETE", place), 404, "ocr.unknown_scan")
    assert await listed(aino) == []


@pytest.mark.in_processes
async def test_another_company_sees_nothing_of_a_scan(aino: Person, boris: Person) -> None:
    scan = await aino.read(slip("SALAISUUS"))
    place = f"/ocr/scans/{scan['id']}"

    tried = [await boris.get(path) for path in (place, f"{place}/original", f"{place}/text", f"{place}/pages/1.png")]
    tried += [await boris.ask("DELETE", place), await boris.ask("POST", f"{place}/retry")]

    assert all(is_problem(answer, 404, "ocr.unknown_scan") for answer in tried)
    assert await listed(boris) == []
    assert (await aino.get(place)).json() == scan


async def test_a_scan_that_never_was_is_answered_like_another_company_s(aino: Person) -> None:
    assert is_problem(await aino.get(f"/ocr/scans/{NOBODY_S_SCAN}"), 404, "ocr.unknown_scan")
    assert is_problem(await aino.get("/ocr/scans/1"), 422, "invalid_request")


@pytest.mark.in_processes
async def test_the_same_idempotency_key_gives_the_same_scan_and_no_other_document(aino: Person, boris: Person) -> None:
    key = {"idempotency-key": "kuitti-77"}
    first = (await aino.upload(slip("YKSI"), headers=key)).json()

    again = await aino.upload(slip("YKSI"), headers=key)
    other = await aino.upload(slip("KAKSI"), headers=key)
    foreign = await boris.upload(slip("KAKSI"), headers=key)

    assert again.json()["id"] == first["id"]
    assert is_problem(other, 422, "gateway.idempotency_key_reused")
    assert (foreign.status_code, foreign.json()["id"] != first["id"]) == (202, True)
    assert await listed(aino) == [first["id"]]


async def test_the_same_document_sent_twice_says_so(aino: Person) -> None:
    first = (await aino.upload(slip("KAHDESTI"))).json()

    second = (await aino.upload(slip("KAHDESTI"))).json()

    assert (first["duplicate_of"], second["duplicate_of"]) == (None, first["id"])


async def test_a_document_is_read_anew_in_place(aino: Person) -> None:
    scan = await aino.read(slip("UUDELLEEN"))

    answer = await aino.ask("POST", f"/ocr/scans/{scan['id']}/retry")

    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    while (answer := await aino.get(f"/ocr/scans/{scan['id']}")).json()["status"] != "completed":  # noqa: ASYNC110 - it is asked for over HTTP
        await anyio.sleep(LOOK_AGAIN_S)
    assert answer.json()["text"] == scan["text"]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"languages": "xxx"}, "ocr.unknown_language"),
        ({"languages": "fin+../../etc"}, "ocr.unknown_language"),
        ({"languages": "fin" * 50}, "invalid_request"),
        ({"kind": "poem"}, "invalid_request"),
        ({"engine": "crystal-ball"}, "invalid_request"),
    ],
)
async def test_a_wrong_choice_answers_422(aino: Person, form: dict[str, Any], code: str) -> None:
    answer = await aino.upload(slip("KIELI"), **form)

    assert is_problem(answer, 422, code)


@pytest.mark.parametrize(
    "given",
    [
        {"json": {"file": "kuitti.png"}},
        {"content": b"\x89PNG", "headers": {"content-type": "image/png"}},
        {"data": {"file": "kuitti.png"}},
        {"files": {"document": ("kuitti.png", b"\x89PNG")}},
        {},
    ],
    ids=["JSON", "bare picture", "form without a file", "file of another name", "nothing"],
)
async def test_an_upload_that_is_no_multipart_file_answers_422(aino: Person, given: dict[str, Any]) -> None:
    answer = await aino.ask("POST", "/ocr/scans", **given)

    assert is_problem(answer, 422, "invalid_request")
    assert "/file" in [error["pointer"] for error in answer.json()["errors"]]


async def test_broken_multipart_answers_400(aino: Person) -> None:
    answer = await aino.ask("POST", "/ocr/scans", content=b"--x\r\nnonsense", headers={"content-type": "multipart/form-data"})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_text_and_spreadsheets_answer_415(aino: Person) -> None:
    for content, filename in (
        (b"YHTEENSA 12,00\n", "kuitti.txt"),
        (b"PK\x03\x04" + bytes(100), "kuitit.xlsx"),
        (b"GIF89a" + bytes(90), "k.png"),
    ):
        assert is_problem(await aino.upload(content, filename), 415, "ocr.unsupported_file")


async def test_nobody_scans_without_a_token(converto: httpx2.AsyncClient) -> None:
    asked = [
        ("POST", "/ocr/scans"),
        ("GET", "/ocr/scans"),
        *(("GET", f"/ocr/scans/{NOBODY_S_SCAN}{part}") for part in ("", "/original", "/text", "/pages/1.png")),
        ("POST", f"/ocr/scans/{NOBODY_S_SCAN}/retry"),
        ("DELETE", f"/ocr/scans/{NOBODY_S_SCAN}"),
    ]
    for method, path in asked:
        files = {"file": ("kuitti.png", slip("EI"))} if path == "/ocr/scans" and method == "POST" else None
        answer = await converto.request(method, path, files=files)

        assert is_problem(answer, 401, "unauthenticated"), path
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_reader_says_how_it_is(converto: httpx2.AsyncClient) -> None:
    await register(converto)

    answer = await converto.get("/ocr/health")

    assert answer.status_code == 200
    assert (answer.json()["status"], {"fin", "swe", "eng"} <= set(answer.json()["languages"])) == ("ok", True)
