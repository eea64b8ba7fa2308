"""Rules about suppliers on both databases: learnt from approvals, tried on them, switched on by a person, and what they then do."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden
from converto.vat.drafting import Drafted
from converto.vat.findings import Noted
from converto.vat.interface import RuleIsThere, RuleNotProven, UnknownRule
from converto.vat.supplier_rules import NewSupplierRule, SupplierRule
from converto.vat.vouchers import Voucher, VoucherSource, VoucherStatus
from tests.kernel.e_invoices.written import ubl
from tests.vat.house import House, somebody, voucher

SELLER = "2077474-0"
FUEL = {"treatment": "domestic_purchase", "rate": "25.5", "net": "100.00", "vat": "25.50", "category": "fuel", "deductible_share": "0.5"}
READ = {"treatment": "domestic_purchase", "rate": "25.5", "net": "80.00", "vat": "20.40", "basis": "printed"}


async def approved(house: House, aino: Actor, *lines: dict[str, Any], times: int = 1, day: int = 1) -> list[Voucher]:
    """Book so many vouchers of the supplier, on days one after another."""
    return [
        await house.vat.add_voucher(aino, voucher(*lines, on=f"2025-{month:02}-{day:02}", seller_id=SELLER, supplier="Lumo Oy"))
        for month in range(1, times + 1)
    ]


async def drafted(house: House, aino: Actor, *lines: dict[str, Any], confidence: float = 0.97, **more: Any) -> Voucher:
    """Keep a draft as a scan of the supplier's receipt gives it."""
    given = voucher(*lines, seller_id=more.pop("seller_id", SELLER), scan_id=uuid4(), on=more.pop("on", "2026-02-03"))
    found = Drafted(given, tuple(more.pop("noted", ())), confidence)
    return await house.service.books.draft(Actor.service(aino.tenant_id, "vat:write"), found, source=VoucherSource.SCAN)


async def switched_on(house: House, aino: Actor, **more: Any) -> SupplierRule:
    return await house.vat.switch_on_rule(aino, NewSupplierRule(seller_id=SELLER, **more))


async def test_three_approvals_alike_are_learnt_and_tried(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    (found,) = await house.vat.learnt_rules(aino)
    (line,) = found.lines
    assert (found.seller_id, found.supplier, found.proven) == (SELLER, "Lumo Oy", True)
    assert (line.rate, line.category, line.deductible_share) == (Decimal("25.5"), "fuel", Decimal("0.5"))
    assert (found.backtest.vouchers, found.backtest.agreed, str(found.backtest.since), str(found.backtest.until)) == (
        3, 3, "2025-01-01", "2025-03-01",
    )  # fmt: skip


async def test_two_approvals_are_chance(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=2)
    assert await house.vat.learnt_rules(aino) == []
    with pytest.raises(RuleNotProven):
        await switched_on(house, aino)


async def test_a_rule_that_the_history_does_not_bear_out_is_not_switched_on(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=4)
    (other,) = await approved(house, aino, {**FUEL, "deductible_share": "1"}, day=20)
    with pytest.raises(RuleNotProven) as refused:
        await switched_on(house, aino)
    assert (refused.value.details["vouchers"], refused.value.details["agreed"]) == (5, 4)
    assert [str(one) for one in refused.value.details["differing"]] == [str(other.id)]


async def test_what_was_taken_back_teaches_nothing(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    (wrong,) = await approved(house, aino, {**FUEL, "category": "electricity"}, day=20)
    await house.vat.reverse(aino, wrong.id, reason="The wrong category.")
    assert (await switched_on(house, aino)).backtest.vouchers == 3


async def test_nothing_changes_until_a_person_switches_a_rule_on(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    draft = await drafted(house, aino, READ)
    assert (draft.lines[0].category, draft.ruled_by) == (None, None)


async def test_a_rule_fills_in_a_draft_and_a_person_approves_it(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    rule = await switched_on(house, aino)
    draft = await drafted(house, aino, READ)
    assert (draft.status, draft.ruled_by) == (VoucherStatus.DRAFT, rule.id)
    assert (draft.lines[0].category, draft.lines[0].vat, draft.lines[0].deductible_vat) == ("fuel", Decimal("20.40"), Decimal("10.20"))
    booked = await house.vat.approve(aino, draft.id)
    assert (booked.decided and booked.decided.by, booked.ruled_by) == ("person", rule.id)


async def test_a_rule_that_approves_books_a_draft_in_its_own_name(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    rule = await switched_on(house, aino, approves=True, most=Decimal("100.40"))
    booked = await drafted(house, aino, READ)
    assert (booked.status, booked.decided and booked.decided.by, booked.decided and booked.decided.id) == ("booked", "rule", rule.id)
    assert (await house.vat.tax_return(aino, "2026-02")).boxes["307"] == Decimal("10.20")


@pytest.mark.parametrize(
    "odd",
    [
        {"confidence": 0.89},
        {"noted": (Noted("synthetic_suspect", None, (("why", "test"),)),)},
        {"seller_id": "0112038-9"},
        {"lines": ({**READ, "rate": "13.5", "vat": "10.80"},)},
        {"lines": ({**READ, "vat": "21.40"},)},
        {"lines": ({**READ, "net": "800.00", "vat": "204.00"},)},
        {"on": "2025-01-02", "lines": (FUEL,)},
    ],
    ids=["read unsurely", "suspect", "another supplier", "another rate", "tax that is off", "too much", "perhaps the same again"],
)
async def test_a_rule_leaves_what_is_odd_to_a_person(house: House, aino: Actor, odd: dict[str, Any]) -> None:
    await approved(house, aino, FUEL, times=3)
    await switched_on(house, aino, approves=True, most=Decimal(500))
    draft = await drafted(house, aino, *odd.get("lines", (READ,)), **{name: value for name, value in odd.items() if name != "lines"})
    assert draft.status is VoucherStatus.DRAFT


async def test_a_rule_books_nothing_into_a_filed_period(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    await switched_on(house, aino, approves=True)
    await house.vat.file(aino, "2026-02")
    draft = await drafted(house, aino, READ)
    assert (draft.status, [one.code for one in draft.findings]) == (VoucherStatus.DRAFT, ["locked_period"])


async def test_what_a_rule_booked_teaches_nothing(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    rule = await switched_on(house, aino, approves=True)
    await drafted(house, aino, READ)
    await house.vat.switch_off_rule(aino, rule.id)
    (found,) = await house.vat.learnt_rules(aino)
    assert found.backtest.vouchers == 3


async def test_an_e_invoice_is_booked_by_a_rule_too(house: House, aino: Actor) -> None:
    months = [ubl().replace(b"2026-01-15", f"2026-{month:02}-15".encode()) for month in (3, 5, 7)]
    drafts = [await house.vat.take_e_invoice(aino, content) for content in months]
    for draft in drafts:
        await house.vat.approve(aino, draft.id)
    await house.vat.switch_on_rule(aino, NewSupplierRule(seller_id=drafts[0].seller_id or "", approves=True))
    booked = await house.vat.take_e_invoice(aino, ubl())
    assert (booked.status, [one.code for one in booked.findings]) == (VoucherStatus.BOOKED, [])


async def test_a_supplier_has_one_rule_and_it_can_be_switched_off(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    rule = await switched_on(house, aino)
    assert (await house.vat.supplier_rules(aino), await house.vat.learnt_rules(aino)) == ([rule], [])
    with pytest.raises(RuleIsThere):
        await switched_on(house, aino)
    await house.vat.switch_off_rule(aino, rule.id)
    assert await house.vat.supplier_rules(aino) == []
    assert (await drafted(house, aino, READ)).ruled_by is None
    with pytest.raises(UnknownRule):
        await house.vat.switch_off_rule(aino, rule.id)


async def test_another_companys_rule_is_unknown_and_a_reader_switches_none_on(house: House, aino: Actor) -> None:
    await approved(house, aino, FUEL, times=3)
    rule = await switched_on(house, aino)
    with pytest.raises(UnknownRule):
        await house.vat.switch_off_rule(somebody(), rule.id)
    with pytest.raises(Forbidden):
        await house.vat.switch_on_rule(somebody("vat:read"), NewSupplierRule(seller_id=SELLER))
