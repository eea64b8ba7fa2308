"""Batches over HTTP, through the whole product."""

import anyio

from tests.acceptance.people import Person, is_problem
from tests.ocr.files.test_archive import packed
from tests.ocr.shelf import slip

LOOK_AGAIN_S = 0.05


async def test_several_documents_are_sent_at_once_and_read(aino: Person, boris: Person) -> None:
    files = [("files", ("a.pdf", slip())), ("files", ("b.zip", packed(("c.pdf", slip(line1="Toinen Oy")), (".piilo", b"x"))))]

    answer = await aino.ask("POST", "/ocr/scans/batch", files=files, data={"kind": "receipt"})

    assert answer.status_code == 202, answer.text
    told, place = answer.json(), answer.headers["location"]
    assert place == f"/ocr/batches/{told['batch_id']}"
    assert [scan["filename"] for scan in told["scans"]] == ["a.pdf", "c.pdf"]
    assert [one["code"] for one in told["refused"]] == ["ocr.hidden_file"]
    assert is_problem(await boris.get(place), 404, "ocr.unknown_batch")
    while not (batch := (await aino.get(place)).json())["is_finished"]:  # noqa: ASYNC110 - it is asked for over HTTP
        await anyio.sleep(LOOK_AGAIN_S)
    assert batch["counts"] == {"queued": 0, "started": 0, "completed": 2, "failed": 0}


async def test_nothing_that_can_be_read_is_a_problem_that_lists_the_reasons(aino: Person) -> None:
    answer = await aino.ask("POST", "/ocr/scans/batch", files={"file": ("a.zip", packed(("a.txt", b"hello")))})

    assert is_problem(answer, 422, "ocr.nothing_to_read")
    assert [(one["filename"], one["code"]) for one in answer.json()["refused"]] == [("a.txt", "ocr.unsupported_file")]
