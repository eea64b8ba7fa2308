"""Corrections over HTTP, through the whole product."""

from typing import Any

from tests.acceptance.people import Person, is_problem
from tests.ocr.shelf import slip


async def test_a_person_corrects_a_field_and_the_record_says_who(aino: Person) -> None:
    scan = await aino.read(slip(), "kuitti.pdf")
    place = f"/ocr/scans/{scan['id']}"

    answer = await aino.ask("PATCH", f"{place}/fields", json={"total": "6.00", "due_date": None})

    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told["fields"]["total"]["value"] == {"amount": "6.00", "currency": "EUR"}
    assert told["fields"]["total"]["source"] == "person"
    assert told["corrections"]["total"]["machine"] == scan["fields"]["total"]
    assert told["corrections"]["total"]["corrected_by"] == aino.signed_in["user"]["id"]
    assert (await aino.get(place)).json() == told
    changes = (await aino.get(f"{place}/changes")).json()["items"]
    assert {(one["field"], str(one["after"])) for one in changes} == {
        ("total", "{'amount': '6.00', 'currency': 'EUR'}"),
        ("due_date", "None"),
    }


WRONG: tuple[tuple[dict[str, Any], str, list[str]], ...] = (
    ({"total": "1,00", "iban": "x"}, "ocr.bad_correction", ["/total", "/iban"]),
    ({}, "ocr.bad_correction", [""]),
    ({"vendor": 5}, "invalid_request", ["/vendor"]),
    ({"colour": "red"}, "invalid_request", ["/colour"]),
)


async def test_a_wrong_correction_names_each_wrong_field(aino: Person) -> None:
    scan = await aino.read(slip(), "kuitti.pdf")
    for body, code, pointers in WRONG:
        answer = await aino.ask("PATCH", f"/ocr/scans/{scan['id']}/fields", json=body)

        assert is_problem(answer, 422, code)
        assert [entry["pointer"] for entry in answer.json()["errors"]] == pointers


async def test_another_company_corrects_nothing(aino: Person, boris: Person) -> None:
    scan = await aino.read(slip(), "kuitti.pdf")

    answer = await boris.ask("PATCH", f"/ocr/scans/{scan['id']}/fields", json={"total": "6.00"})

    assert is_problem(answer, 404, "ocr.unknown_scan")
    assert (await aino.get(f"/ocr/scans/{scan['id']}")).json() == scan
