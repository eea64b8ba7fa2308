"""The card terminal's block, as it stands on receipts that their shops hand out; the numbers alone were taken."""

import pytest

from converto.vat.card_slip import card_slip

SLIPS = [
    ("001876143605", "5411", "230110037821", "0187614-3", "605", "2023-01-10"),
    ("001876143298", "5411", "240624238142", "0187614-3", "298", "2024-06-24"),
    ("005363070550", "5411", "230105186921", "0536307-0", "550", "2023-01-05"),
    ("005363070565", "5311", "231026110968", "0536307-0", "565", "2023-10-26"),
    ("005363070251", "5411", "230814121711", "0536307-0", "251", "2023-08-14"),
    ("015077246910", "5411", "230919121678", "1507724-6", "910", "2023-09-19"),
    ("032089425000", "5411", "231107021191", "3208942-5", "000", "2023-11-07"),
    ("005363070381", "5411", "231106200695", "0536307-0", "381", "2023-11-06"),
    ("005363070381", "5411", "240620292804", "0536307-0", "381", "2024-06-20"),
    ("005363070719", "5411", "231102046524", "0536307-0", "719", "2023-11-02"),
    ("002082652901", "5411", "140904098160", "0208265-2", "901", "2014-09-04"),
    ("026751769000", "5411", "230730045937", "2675176-9", "000", "2023-07-30"),
    ("001876143239", "5411", "171110256606", "0187614-3", "239", "2017-11-10"),
]


@pytest.mark.parametrize(("merchant", "mcc", "reference", "business_id", "store", "day"), SLIPS)
def test_a_card_slip_tells_seller_shop_and_day(merchant: str, mcc: str, reference: str, business_id: str, store: str, day: str) -> None:
    found = card_slip(f"KORTTITAPAHTUMA\nYritys/Ala: {merchant}/{mcc}\nViite: {reference}\n")
    assert found is not None
    assert (found.business_id, found.store, found.mcc, str(found.date)) == (business_id, store, mcc, day)


@pytest.mark.parametrize("text", ["", "Yritys/Ala: 001876144605/5411", "Yritys/Ala: 0018761436/5411", "Viite: 230110037821"])
def test_what_is_no_card_slip_tells_nothing(text: str) -> None:
    assert card_slip(text) is None


def test_a_reference_that_is_no_day_leaves_the_day_open() -> None:
    found = card_slip("Yritys/Ala: 001876143605/5411 Viite: 991399037821")
    assert found is not None
    assert found.date is None
