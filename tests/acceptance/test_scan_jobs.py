"""Long readings as their user meets them: cancelled, looked at, and never in the way of another company's."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from tests.acceptance.people import Person, is_problem
from tests.ocr.drawn import drawn, saved, slow
from tests.ocr.pdfs import pdf_of_text

pytestmark = pytest.mark.timeout(240)
NOBODY_S_SCAN = "01900000-0000-7000-8000-000000000000"
MANY = 30
HANDFUL = 16
"""Three readers take up four documents each before the next one's turn comes, and some are read while it is uploaded."""
SMALL = saved(drawn())
FAST = pdf_of_text([["ENSIMMAINEN SIVU, 12,00 EUR"], ["TOINEN SIVU, YHTEENSA 14,00"], ["KOLMAS JA VIIMEINEN SIVU"]])


async def insisting(person: Person, method: str, path: str, **given: Any) -> httpx2.Response:
    """Ask, and where more has come than can be answered, come back when told to."""
    while (answer := await person.ask(method, path, **given)).status_code == 503:  # noqa: ASYNC110 - the server says when
        await asyncio.sleep(int(answer.headers["retry-after"]))
    return answer


async def uploaded(person: Person, content: bytes, *, count: int) -> list[str]:
    # zeros behind the end of a picture make another file of it, which is not known from the one before
    files = [content + bytes(number) for number in range(1, count + 1)]
    answers = await asyncio.gather(*(insisting(person, "POST", "/ocr/scans", files={"file": ("receipt.png", file)}) for file in files))
    assert {answer.status_code for answer in answers} == {202}
    return [answer.json()["id"] for answer in answers]


async def until_it_is(person: Person, scan_id: str, status: str) -> dict[str, Any]:
    while True:
        scan: dict[str, Any] = (await person.get(f"/ocr/scans/{scan_id}")).json()
        if scan["status"] == status:
            return scan
        await asyncio.sleep(0.05)


async def read_since(person: Person, moment: str) -> int:
    """Return how many documents of somebody were read after a moment."""
    scans = (await person.get("/ocr/scans?status=completed&limit=200")).json()["items"]
    return sum(scan["finished_at"] > moment for scan in scans)


async def removed(person: Person, scan_ids: list[str]) -> None:
    answers = await asyncio.gather(*(insisting(person, "DELETE", f"/ocr/scans/{scan_id}") for scan_id in scan_ids))
    assert {answer.status_code for answer in answers} == {204}


def told(answer: httpx2.Response) -> list[tuple[int, str, dict[str, Any]]]:
    """Return the id, the name and the data of each event of a stream."""
    events = []
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in lines:
            events.append((int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return events


async def test_one_company_s_many_documents_do_not_keep_another_s_waiting(aino: Person, boris: Person) -> None:
    many = await uploaded(aino, SMALL, count=MANY)

    (scan_id,) = await uploaded(boris, SMALL, count=1)
    scan = await until_it_is(boris, scan_id, "completed")

    before = await read_since(aino, scan["created_at"])
    await removed(aino, many)
    assert before <= HANDFUL


async def test_what_is_waited_for_goes_before_the_same_company_s_other_documents(aino: Person) -> None:
    many = await uploaded(aino, SMALL, count=MANY)

    scan = await aino.read(SMALL)

    before = await read_since(aino, scan["created_at"])
    await removed(aino, many)
    assert scan["status"] == "completed"
    assert before <= HANDFUL


@pytest.mark.in_processes
async def test_a_document_that_is_being_read_is_cancelled(aino: Person) -> None:
    place = (await aino.upload(slow())).headers["location"]
    await until_it_is(aino, place.rpartition("/")[2], "started")

    cancelled = await aino.ask("POST", f"{place}/cancel")
    again = await aino.ask("POST", f"{place}/cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "failed")
    assert cancelled.json()["error"]["code"] == "ocr.cancelled"
    assert again.json() == (await aino.get(place)).json() == cancelled.json()
    assert is_problem(await aino.get(f"{place}/text"), 409, "ocr.not_read_yet")


async def test_a_cancelled_document_is_read_after_all_when_that_is_asked_for(aino: Person) -> None:
    place = (await aino.upload(FAST)).headers["location"]
    await aino.ask("POST", f"{place}/cancel")

    answer = await aino.ask("POST", f"{place}/retry")

    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (202, "queued", None)
    scan = await until_it_is(aino, place.rpartition("/")[2], "completed")
    assert "KOLMAS JA VIIMEINEN SIVU" in scan["text"]


async def test_what_is_read_is_not_cancelled(aino: Person) -> None:
    scan = await aino.read(FAST)

    answer = await aino.ask("POST", f"/ocr/scans/{scan['id']}/cancel")

    assert is_problem(answer, 409, "ocr.already_finished")
    assert (await aino.get(f"/ocr/scans/{scan['id']}")).json() == scan


async def test_a_document_is_removed_while_it_is_read(aino: Person) -> None:
    place = (await aino.upload(slow())).headers["location"]
    await until_it_is(aino, place.rpartition("/")[2], "started")

    answer = await aino.ask("DELETE", place)

    assert answer.status_code == 204
    assert is_problem(await aino.get(place), 404, "ocr.unknown_scan")
    assert is_problem(await aino.get(f"{place}/original"), 404, "ocr.unknown_scan")


async def test_whoever_looks_on_is_told_until_the_document_is_read(aino: Person) -> None:
    place = (await aino.upload(FAST)).headers["location"]

    answer = await aino.get(f"{place}/events")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    events = told(answer)
    positions = [position for position, _, _ in events]
    assert positions == sorted(set(positions))
    assert [name for _, name, _ in events] == ["progress"] * (len(events) - 1) + ["finished"]
    assert events[-1][2] == {
        "id": place.rpartition("/")[2],
        "status": "completed",
        "pages_read": 3,
        "pages": 3,
        "revision": positions[-1],
        "error": None,
    }


async def test_whoever_has_seen_the_end_is_told_to_stay_away(aino: Person) -> None:
    scan = await aino.read(FAST)
    place = f"/ocr/scans/{scan['id']}/events"
    ((position, name, _),) = told(await aino.get(place))

    seen = await aino.get(place, headers={"last-event-id": str(position)})
    missed = await aino.get(place, headers={"last-event-id": str(position - 1)})

    assert (name, seen.status_code, seen.content) == ("finished", 204, b"")
    assert [position for position, _, _ in told(missed)] == [position]
    assert is_problem(await aino.get(place, headers={"last-event-id": "x"}), 422, "invalid_request")


async def test_another_company_neither_looks_on_nor_cancels(aino: Person, boris: Person) -> None:
    scan = await aino.read(FAST)

    for scan_id in (scan["id"], NOBODY_S_SCAN):
        assert is_problem(await boris.get(f"/ocr/scans/{scan_id}/events"), 404, "ocr.unknown_scan")
        assert is_problem(await boris.ask("POST", f"/ocr/scans/{scan_id}/cancel"), 404, "ocr.unknown_scan")


async def test_nobody_looks_on_or_cancels_without_a_token(converto: httpx2.AsyncClient) -> None:
    for method, part in (("GET", "events"), ("POST", "cancel")):
        assert is_problem(await converto.request(method, f"/ocr/scans/{NOBODY_S_SCAN}/{part}"), 401, "unauthenticated")
