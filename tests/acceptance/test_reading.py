import pytest

from tests.acceptance.people import TRUTH, Person, found, sample

SENT = ["01-grocery.png", "05-swedish.jpg", "06-english.webp", "09-invoice.pdf", "11-hotel.tif"]


@pytest.mark.parametrize("file", SENT)
async def test_a_sample_is_read_as_it_is_printed(aino: Person, file: str) -> None:
    truth = TRUTH[file]

    scan = await aino.read(sample(file), file, languages="+".join(truth["languages"]))

    assert (scan["status"], scan["kind"], scan["pages"]) == ("completed", truth["kind"], truth["pages"])
    assert scan["media_type"] == truth["media_type"]
    read = found(scan)
    assert {name: read[name] for name in ("vendor", "date", "total", "vat_total")} == {
        name: truth["fields"][name] for name in ("vendor", "date", "total", "vat_total")
    }
    assert {line["rate"]: line for line in read["vat_lines"]} == {line["rate"]: line for line in truth["vat_lines"]}
