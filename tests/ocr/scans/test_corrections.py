"""What people say about fields, on both databases: kept beside the machine's value, recorded, told, and learned from."""

from decimal import Decimal
from typing import Any

import pytest

from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden
from converto.kernel.money import Money
from converto.ocr.document import Fields, Found, Source
from converto.ocr.interface import BadCorrection, NotReadYet, Scan, ScanFilter, UnknownScan
from converto.ocr.scans.corrections import checked
from converto.ocr.scans.hints import folded
from tests.ocr.house import House, somebody
from tests.ocr.shelf import read, read_anew, slip

OTHER_DAY = "Kuitti 10999   20.11.2026  09:12"


def text(scan: Scan, name: str) -> Any:
    assert scan.fields is not None
    found: Found[Any] | None = getattr(scan.fields, name)
    return None if found is None else found.value


async def test_a_correction_holds_and_the_machines_value_stays_to_be_seen(house: House, aino: Actor) -> None:
    aino = aino.model_copy(update={"user_id": aino.tenant_id})
    scan = await read(house, aino, slip())

    corrected = await house.ocr.correct(aino, scan.id, changes={"total": "6.00", "payment_method": None, "category": "food"})

    assert scan.fields is not None
    assert corrected.fields is not None
    assert (text(corrected, "total"), text(corrected, "category")) == (Money(amount=Decimal("6.00")), "food")
    assert corrected.fields.total is not None
    assert (corrected.fields.total.source, corrected.fields.total.confidence, corrected.fields.total.box) == (Source.PERSON, 1.0, None)
    assert corrected.fields.payment_method is None
    said = corrected.corrections["total"]
    assert (said.corrected_by, said.machine and said.machine.value) == (aino.user_id, Money(amount=Decimal("5.33")))
    assert corrected.corrections["payment_method"].machine is not None
    assert corrected.fields.vendor == scan.fields.vendor
    assert await house.ocr.scan(aino, scan.id) == corrected


async def test_a_list_shows_what_people_said(house: House, aino: Actor) -> None:
    scan = await read(house, aino, slip())
    await house.ocr.correct(aino, scan.id, changes={"vendor": "Koivun kahvila", "total": {"amount": "7.10", "currency": "SEK"}})

    (shown,) = await listed(house, aino)

    assert (shown.vendor, shown.total) == ("Koivun kahvila", Money(amount=Decimal("7.10"), currency="SEK"))


async def listed(house: House, actor: Actor) -> Any:

    return (await house.ocr.scans(actor, ScanFilter())).items


async def test_every_change_is_recorded_and_told_once(house: House, aino: Actor) -> None:
    scan = await read(house, aino, slip())
    for amount in ("6.00", "6.00", "7.00"):
        await house.ocr.correct(aino, scan.id, changes={"total": amount})

    page = await house.ocr.changes(aino, scan.id)

    assert [(one.field, one.before, one.after) for one in page.items] == [
        ("total", Money(amount=Decimal("6.00")), Money(amount=Decimal("7.00"))),
        ("total", Money(amount=Decimal("5.33")), Money(amount=Decimal("6.00"))),
    ]
    assert (await house.told(scan.id))["ocr.corrected"] == 2


async def test_a_wrong_field_is_named_and_nothing_is_changed(house: House, aino: Actor) -> None:
    scan = await read(house, aino, slip())

    with pytest.raises(BadCorrection) as refused:
        await house.ocr.correct(aino, scan.id, changes={"vendor": "Uusi Oy", "iban": "FI00", "total": "12,34"})

    assert [entry["pointer"] for entry in refused.value.details["errors"]] == ["/iban", "/total"]
    assert await house.ocr.scan(aino, scan.id) == scan


async def test_a_correction_outlives_a_new_reading(house: House, aino: Actor) -> None:
    scan = await read(house, aino, slip())
    await house.ocr.correct(aino, scan.id, changes={"total": "6.00"})

    await house.ocr.retry(aino, scan.id)
    again = await read_anew(house, aino, scan.id)

    assert (again.status, text(again, "total")) == ("completed", Money(amount=Decimal("6.00")))


async def test_a_seller_that_was_named_once_is_named_alike_the_next_time_by_its_business_id(house: House, aino: Actor) -> None:
    first = await read(house, aino, slip())
    await house.ocr.correct(aino, first.id, changes={"vendor": "Kahvila Koivu"})

    # the name is read otherwise, the business id is the same
    second = await read(house, aino, slip(line1="Kahvila Koivv Oy", line4=OTHER_DAY))

    assert text(second, "vendor") == "Kahvila Koivu"
    learned = second.corrections["vendor"]
    assert (learned.learned_from, learned.machine and learned.machine.value) == (first.id, "Kahvila Koivv Oy")
    assert second.fields is not None
    assert second.fields.vendor is not None
    assert (second.fields.vendor.source, second.fields.vendor.confidence) == (Source.PERSON, 0.95)


async def test_a_seller_without_a_business_id_is_known_by_its_name_as_it_was_read(house: House, aino: Actor) -> None:
    first = await read(house, aino, slip(line1="KAHV1LA KOIVU OY", line3="Tervetuloa"))
    await house.ocr.correct(aino, first.id, changes={"vendor": "Kahvila Koivu Oy", "business_id": "2345678-0"})

    second = await read(house, aino, slip(line1="KAHV1LA KOIVU OY", line3="Tervetuloa", line4=OTHER_DAY))

    assert (text(second, "vendor"), text(second, "business_id")) == ("Kahvila Koivu Oy", "2345678-0")


async def test_what_one_company_said_names_nothing_for_another(house: House, aino: Actor) -> None:
    boris = somebody()
    first = await read(house, aino, slip())
    await house.ocr.correct(aino, first.id, changes={"vendor": "Salainen nimi"})

    theirs = await read(house, boris, slip())

    assert (text(theirs, "vendor"), theirs.corrections) == ("Kahvila Koivu Oy", {})


async def test_who_says_that_there_is_no_name_takes_back_what_was_learned(house: House, aino: Actor) -> None:
    first = await read(house, aino, slip())
    await house.ocr.correct(aino, first.id, changes={"vendor": "Väärä Oy"})
    await house.ocr.correct(aino, first.id, changes={"vendor": None})

    second = await read(house, aino, slip(line4=OTHER_DAY))

    assert text(second, "vendor") == "Kahvila Koivu Oy"


async def test_only_what_was_read_is_corrected_and_by_its_own_company(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, slip())
    with pytest.raises(NotReadYet):
        await house.ocr.correct(aino, scan.id, changes={"total": "1.00"})
    for ask in (house.ocr.correct(somebody(), scan.id, changes={"total": "1.00"}), house.ocr.changes(somebody(), scan.id)):
        with pytest.raises(UnknownScan):
            await ask
    reader = Actor(tenant_id=aino.tenant_id, scopes=frozenset({"ocr:read"}))
    with pytest.raises(Forbidden):
        await house.ocr.correct(reader, scan.id, changes={"total": "1.00"})


@pytest.mark.parametrize(
    ("name", "said", "kept"),
    [
        ("vendor", "  Kahvila \n Koivu ", "Kahvila Koivu"),
        ("business_id", "23456780", "2345678-0"),
        ("vat_id", "FI 23456780", "FI23456780"),
        ("date", "2026-02-28", "2026-02-28"),
        ("time", "17:42", "17:42:00"),
        ("iban", "fi21 1234 5600 0007 85", "FI2112345600000785"),
        ("reference_number", "00 1232", "1232"),
        ("card_last4", "0417", "0417"),
        ("payment_method", "cash", "cash"),
        ("total", {"amount": "-3", "currency": "SEK"}, Money(amount=Decimal("-3.00"), currency="SEK")),
        ("net_total", Money(amount=Decimal("4.5"), currency="NOK"), Money(amount=Decimal("4.50"), currency="NOK")),
        ("vat_total", "1.5", Money(amount=Decimal("1.50"), currency="EUR")),
    ],
)
def test_a_value_is_kept_as_its_field_has_it(name: str, said: Any, kept: Any) -> None:
    assert checked({name: said}, currency="EUR") == {name: kept}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vendor", " "),
        ("vendor", 5),
        ("vendor", "a" * 201),
        ("vendor", "a\x00b"),
        ("business_id", "2345678-1"),
        ("vat_id", "FI23456781"),
        ("date", "2026-02-30"),
        ("date", "14.11.2026"),
        ("date", "0001-01-01"),
        ("time", "25:00"),
        ("currency", "euro"),
        ("total", 12.34),
        ("total", True),
        ("total", "1e3"),
        ("total", "١٢"),
        ("total", {"amount": "1.00", "currency": "eur"}),
        ("total", {"amount": "1.00", "rate": "2"}),
        ("payment_method", "bitcoin"),
        ("card_last4", "12345"),
        ("iban", "FI2112345600000786"),
        ("reference_number", "1231"),
        ("nonsense/field", "x"),
    ],
)
def test_what_a_field_cannot_be_is_refused_with_its_pointer(name: str, said: Any) -> None:
    with pytest.raises(BadCorrection) as refused:
        checked({name: said}, currency="EUR")
    assert refused.value.details["errors"][0]["pointer"] == "/" + name.replace("/", "~1")


def test_every_field_can_be_corrected() -> None:
    with pytest.raises(BadCorrection) as refused:
        checked({**dict.fromkeys(Fields.model_fields, "?"), "vendor": ""}, currency="EUR")
    assert {entry["detail"] for entry in refused.value.details["errors"]}.isdisjoint({"there is no such field"})


@pytest.mark.parametrize(("one", "other"), [("KAHVILA Ä-Ö OY", "kahvila a o oy"), ("Café  Müller", "cafe muller")])
def test_two_readings_of_one_name_are_folded_alike(one: str, other: str) -> None:
    assert folded(one) == folded(other)
