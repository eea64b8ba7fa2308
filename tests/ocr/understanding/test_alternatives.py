"""What a person may choose instead of what was taken, and when she should look at all."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from uuid import uuid4

import pytest

from converto.kernel.clock import now
from converto.ocr.document import Correction, Kind, Reading
from converto.ocr.scans.corrections import entry
from converto.ocr.scans.review import reasons
from converto.ocr.understanding.agreement import agreed
from converto.ocr.understanding.extraction import Extracted, extract
from tests.ocr.drawn import GROCERY
from tests.ocr.pages import page

TODAY = datetime.date(2026, 11, 23)
RECEIPT = [text.replace("YHTEENSA", "YHTEENSÄ") for text in GROCERY]


def understood(lines: Sequence[str], *, confidence: float = 0.97) -> Extracted:
    return extract([page(lines, confidence=confidence)], kind=Kind.RECEIPT, today=TODAY)


def reading(found: Extracted) -> Reading:
    return Reading(
        kind=found.kind,
        engine="tesseract 5",
        languages=("fin",),
        pages=1,
        confidence=found.confidence,
        text="",
        fields=found.fields,
        findings=found.findings,
    )


def test_every_other_date_is_offered_with_its_place_and_no_surer_than_the_one_taken() -> None:
    found = understood([*RECEIPT, "Palautusoikeus 28.11.2026 asti", "Kampanja 1.12.2026"])
    others = found.alternatives.date
    assert {one.value for one in others} == {datetime.date(2026, 11, 28), datetime.date(2026, 12, 1)}
    assert found.fields.date is not None
    assert all(one.box is not None and one.confidence <= found.fields.date.confidence for one in others)


def test_other_amounts_are_offered_and_the_total_itself_is_not() -> None:
    found = understood(RECEIPT)
    amounts = [one.value.amount for one in found.alternatives.total]
    assert Decimal("9.62") not in amounts
    assert 0 < len(amounts) <= 5


def test_what_the_other_engine_read_is_offered() -> None:
    both = agreed(understood([text.replace("14.11.2026", "11.11.2026") for text in RECEIPT]), understood(RECEIPT))
    assert [one.value for one in both.alternatives.date] == [datetime.date(2026, 11, 11)]


def test_the_shop_above_its_company_is_offered_as_a_name() -> None:
    found = understood(["Kahvila Koivu Oy", "Koivun Leipomo", *RECEIPT[1:]])
    assert found.fields.vendor is not None
    assert found.fields.vendor.value == "Kahvila Koivu Oy"
    assert "Koivun Leipomo" in [one.value for one in found.alternatives.vendor]


def test_a_plain_text_offers_nothing() -> None:
    found = extract([page(["Hyvää huomenta", "1.12.2026"])], kind=Kind.TEXT, today=TODAY)
    assert not any(getattr(found.alternatives, name) for name in type(found.alternatives).model_fields)


def codes(found: Extracted, **said: Correction) -> set[tuple[str, str | None]]:
    return {(why.code, why.field) for why in reasons(reading(found), found.fields, said)}


def test_what_is_missing_or_unsure_is_to_be_looked_at() -> None:
    found = understood([text for text in RECEIPT if "14.11" not in text], confidence=0.55)
    assert ("date_missing", "date") in codes(found)
    assert ("unsure", "vendor") in codes(found)


def test_what_is_plain_needs_no_look() -> None:
    found = understood(RECEIPT)
    sure = {name: getattr(found.fields, name).model_copy(update={"confidence": 0.99}) for name in ("total", "date", "vendor")}
    fields = found.fields.model_copy(update=sure)
    assert reasons(reading(found), fields, {}) == ()


@pytest.mark.parametrize(("learned_from", "still"), [(None, 0), (uuid4(), 1)])
def test_only_what_a_person_says_of_this_document_ends_the_doubt(learned_from: object, still: int) -> None:
    found = understood([text for text in RECEIPT if "14.11" not in text])
    said = Correction.model_validate({**entry("2026-11-14", now()), "learned_from": learned_from})
    assert len(codes(found, date=said) & {("date_missing", "date")}) == still
