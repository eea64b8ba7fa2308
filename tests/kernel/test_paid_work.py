from typing import Any

import pytest

from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.paid_work import KNOWN_FOR_S, PaidWork, Use, WhoeverSells

ANNA = Actor(tenant_id=new_id())
USES = (Use(feature="ocr_scans_per_month", key="ocr:1"),)


class Seller(PaidWork):
    """Somebody who sells plans, or does not."""

    def __init__(self, plan: str | None) -> None:
        self.plan = plan
        self.asked: list[str] = []

    async def reserve(self, *_: Any) -> None:
        self.asked.append("reserve")

    async def confirm(self, *_: Any) -> None:
        self.asked.append("confirm")

    async def release(self, *_: Any) -> None:
        self.asked.append("release")

    async def allow(self, *_: Any, **__: Any) -> None:
        self.asked.append("allow")

    async def plan_of(self, *_: Any) -> str | None:
        self.asked.append("plan_of")
        return self.plan


async def everything(work: PaidWork) -> None:
    await work.reserve(ANNA, USES)
    await work.allow(ANNA, "seats", level=2)
    await work.release(ANNA, USES)
    await work.confirm(ANNA, USES)


async def test_where_nobody_is_there_to_sell_everything_is_allowed() -> None:
    await everything(WhoeverSells())
    assert await WhoeverSells().plan_of(ANNA) is None


async def test_who_sells_plans_is_asked_each_time() -> None:
    seller = Seller("starter")
    work = WhoeverSells(lambda: seller)
    await everything(work)
    await everything(work)
    assert seller.asked == ["plan_of", *["reserve", "allow", "release", "confirm"] * 2]


async def test_who_sells_none_is_told_what_was_done_and_asked_nothing_else() -> None:
    seller = Seller(None)
    work = WhoeverSells(lambda: seller)
    await everything(work)
    await everything(work)
    assert seller.asked == ["plan_of", "confirm", "confirm"]


@pytest.mark.parametrize(("later_s", "asked"), [(KNOWN_FOR_S - 1, []), (KNOWN_FOR_S, ["plan_of", "reserve"])])
async def test_who_begins_to_sell_plans_is_asked_a_while_later(later_s: float, asked: list[str]) -> None:
    moment, seller = 1000.0, Seller(None)
    work = WhoeverSells(lambda: seller, monotonic=lambda: moment)
    await work.reserve(ANNA, USES)
    seller.plan, seller.asked, moment = "starter", [], moment + later_s
    await work.reserve(ANNA, USES)
    assert seller.asked == asked
