"""Value added tax over HTTP."""

from typing import Any

import pytest

from tests.isolation.town import Town


async def asked(shop: Town, method: str, path: str, **given: Any) -> Any:
    return (await shop.ask(shop.owner, method, path, **given)).raise_for_status().json()


async def test_the_rates_of_a_day_come_with_their_source(shop: Town) -> None:
    found = await asked(shop, "GET", "/vat/rates?country=FI&on=2026-11-22")
    rates = {item["category"]: item for item in found["items"]}
    assert rates["standard"]["rate"] == "25.5"
    assert rates["food_and_feed"]["rate"] == "13.5"
    assert rates["newspapers_periodicals"]["rate"] == "10"
    assert all(item["source"] and item["url"] and item["valid_from"] <= "2026-11-22" for item in found["items"])
    assert (rates["standard"]["valid_to"], found["rules_version"] != "") == (None, True)


async def test_the_history_of_rates_holds_those_that_are_over(shop: Town) -> None:
    found = await asked(shop, "GET", "/vat/rates/history")
    assert [item["rate"] for item in found["items"] if item["category"] == "standard"] == ["22", "23", "24", "25.5"]


async def test_an_amount_is_calculated_by_its_category(shop: Town) -> None:
    body = {"lines": [{"amount": "113.50", "category": "food_and_feed", "gross": True}], "on": "2026-02-01"}
    found = await asked(shop, "POST", "/vat/calculate", json=body)
    assert (found["net"], found["vat"], found["gross"]) == ("100.00", "13.50", "113.50")
    assert found["rates"] == [{"rate": "13.5", "net": "100.00", "vat": "13.50", "gross": "113.50"}]


async def test_an_identifier_is_given_back_as_it_is_written(shop: Town) -> None:
    found = await asked(shop, "POST", "/vat/validate", json={"business_id": "112038-9"})
    assert (found["valid"], found["normalised"]) == (True, "0112038-9")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/vat/calculate", {"lines": []}, 422),
        ("/vat/calculate", {"lines": [{"amount": "1e99", "rate": "24"}]}, 422),
        ("/vat/calculate", {"lines": [{"amount": "1", "category": "unknown"}]}, 404),
        ("/vat/validate", {}, 422),
        ("/vat/validate", {"iban": "FI21", "bic": "NDEAFIHH"}, 422),
    ],
)
async def test_what_makes_no_question_is_refused(shop: Town, path: str, body: Any, status: int) -> None:
    assert (await shop.ask(shop.owner, "POST", path, json=body)).status_code == status


async def test_rates_of_a_country_that_is_not_kept_are_refused(shop: Town) -> None:
    assert (await shop.ask(shop.owner, "GET", "/vat/rates?country=SE")).json()["code"] == "vat.unknown_country"
