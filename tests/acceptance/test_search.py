"""Looking for words over HTTP, through the whole product."""

import pytest

from tests.acceptance.people import Person, is_problem
from tests.ocr.shelf import slip


@pytest.mark.parametrize("name", ["kuit", "TAMPERE ruisleipä", '"kuitti" OR (', "5,33"])
async def test_scans_are_found_by_words_and_by_nobody_else(aino: Person, boris: Person, name: str) -> None:
    scan = await aino.read(slip(), "kuitti.pdf")

    mine = await aino.get("/ocr/scans", params={"q": name.replace(" OR ", " ")})
    theirs = await boris.get("/ocr/scans", params={"q": name})

    assert [one["id"] for one in mine.json()["items"]] == [scan["id"]]
    assert theirs.json()["items"] == []


async def test_a_question_without_end_is_refused(aino: Person) -> None:
    assert is_problem(await aino.get("/ocr/scans", params={"q": "a" * 201}), 422, "invalid_request")
