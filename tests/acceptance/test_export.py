"""Exports over HTTP, through the whole product."""

import pytest

from tests.acceptance.people import Person, is_problem
from tests.ocr.scans.test_export import sheet, table
from tests.ocr.shelf import slip


def written(kind: str, content: bytes) -> str:
    """Return what stands in a table."""
    if kind == "xlsx":
        return sheet(content).decode()
    return str(table(content)) if kind == "csv" else content.decode()


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
async def test_a_company_exports_its_own_scans(aino: Person, boris: Person, kind: str) -> None:
    scan = await aino.read(slip(), "kuitti.pdf")

    mine = await aino.get(f"/ocr/scans/export?format={kind}&q=koivu&status=completed")
    theirs = await boris.get(f"/ocr/scans/export?format={kind}")

    assert mine.status_code == 200, mine.text
    assert mine.headers["content-disposition"] == f'attachment; filename="scans.{kind}"'
    assert (scan["id"] in written(kind, mine.content), scan["id"] in written(kind, theirs.content)) == (True, False)


async def test_an_unknown_format_is_refused(aino: Person) -> None:
    assert is_problem(await aino.get("/ocr/scans/export?format=pdf"), 422, "invalid_request")
