"""Returns: as they stand, explained, frozen when filed, and replaced with a reason."""

import datetime
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Database, Transaction
from converto.kernel.money import Money
from converto.kernel.paging import BadCursor
from converto.vat.bookkeeping import content_sha256
from converto.vat.boxes import PAYABLE, Form, Treatment, installed_form
from converto.vat.calendar import (
    DAY,
    FIRST_DAY,
    LAST_DAY,
    BadStart,
    Period,
    PeriodKind,
    late_fee,
    period,
    period_of,
    periods_between,
    recapitulative_due,
)
from converto.vat.events import ReturnFiled
from converto.vat.interface import AlreadyFiled, NotFiled, PeriodNotOver, UnknownBox
from converto.vat.models import CorrectionRow, EntryRow, RegimeRow, ReturnRow
from converto.vat.rates import RatesOf
from converto.vat.repository import Entries, Returns, Vouchers
from converto.vat.returns import (
    ZERO,
    Explained,
    Explanation,
    FiledDiff,
    Obligation,
    Obligations,
    PeriodStanding,
    Return,
    ReturnStatus,
    boxes_of,
    differences,
    lines_of,
    standing,
)
from converto.vat.thresholds import threshold
from converto.vat.today import today

FILING, RECAPITULATIVE = "vat_return", "recapitulative_statement"
EU_SALES = frozenset({"311", "312"})


class Filing:
    """Makes the returns of companies, and freezes them."""

    def __init__(self, database: Database, rates_of: RatesOf) -> None:
        self._database = database
        self._rates_of = rates_of

    @property
    def _version(self) -> str:
        return self._rates_of("FI").version

    async def current(self, actor: Actor, key: str) -> Return:
        """Return a period's return: as filed, or as it stands now."""
        async with self._database.reading(actor.tenant_id) as session:
            wanted = await _period(session, actor, key)
            filed = await Returns(session).newest(actor.tenant_id, key)
            correction = await Returns(session).correction(actor.tenant_id, key)
            if filed is not None and correction is None:
                return Return.model_validate(filed.content)
            found = await _made(session, actor, wanted, version=self._version)
        if filed is None or correction is None:
            return found
        changes = {"status": ReturnStatus.CORRECTING, "version": filed.version, "reason": correction.reason}
        return found.model_copy(update=changes)

    async def filed(self, actor: Actor, key: str) -> Sequence[Return]:
        """Return all that was filed for a period."""
        period(key)
        async with self._database.reading(actor.tenant_id) as session:
            return [Return.model_validate(row.content) for row in await Returns(session).versions(actor.tenant_id, key)]

    async def explain(self, actor: Actor, key: str, *, box: str, limit: int, cursor: str | None) -> Explanation:
        """Return what a box is made of."""
        form, began = installed_form(), _after(cursor)
        line = form.box(box)
        if line is None or line.kind == "flag":
            raise UnknownBox(box=box)
        found = await self.current(actor, key)
        amount = found.boxes.get(box, ZERO)
        if box == PAYABLE:
            signed = {**dict.fromkeys(form.payable.plus, 1), **dict.fromkeys(form.payable.minus, -1)}
            parts = {one: sign * found.boxes[one] for one, sign in signed.items() if one in found.boxes}
            return Explanation(period=key, box=box, names=line.names, amount=amount, made_of=parts)
        async with self._database.reading(actor.tenant_id) as session:
            rows = await Entries(session).of_box(
                actor.tenant_id, box, first=found.first, last=found.last, upto=found.entries_upto, limit=limit + 1, after=began
            )
            shown = rows[:limit]
            ids = [row.voucher_id for row, _ in shown if row.voucher_id is not None]
            contents = await Vouchers(session).contents(actor.tenant_id, ids)
        items = tuple(_explained(row, added, contents[row.voucher_id]) for row, added in shown if row.voucher_id is not None)
        more = str(shown[-1][0].number) if len(rows) > limit else None
        return Explanation(period=key, box=box, names=line.names, amount=amount, items=items, next_cursor=more)

    async def file(self, actor: Actor, key: str) -> Return:
        """Freeze a period's return as filed."""
        async with self._database.writing(actor.tenant_id) as session:
            entries, returns = Entries(session), Returns(session)
            await entries.hold(actor.tenant_id)
            wanted = await _period(session, actor, key)
            if today() <= wanted.last:
                raise PeriodNotOver(period=key, last=wanted.last)
            before = await returns.newest(actor.tenant_id, key)
            correction = await returns.correction(actor.tenant_id, key)
            overlapping = await returns.overlapping(actor.tenant_id, wanted.first, wanted.last)
            if overlapping is not None and correction is None:
                raise AlreadyFiled(period=overlapping.period)
            version = 1 if before is None else before.version + 1
            found = (await _made(session, actor, wanted, version=self._version)).model_copy(
                update={
                    "status": ReturnStatus.FILED,
                    "version": version,
                    "reason": None if correction is None else correction.reason,
                    "filed_at": now(),
                    "filed_by": actor.user_id,
                }
            )
            content: dict[str, Any] = found.model_dump(mode="json")
            returns.add(
                ReturnRow(tenant_id=actor.tenant_id, period=key, version=version, first=wanted.first, last=wanted.last, content=content)
            )
            await entries.add(actor.tenant_id, [_noted(wanted, version, content)])
            await returns.close(actor.tenant_id, key)
            told = ReturnFiled(tenant_id=actor.tenant_id, period=key, filing=version, payable=Money(amount=found.payable), due=found.due)
            await publish(session, told)
        return found

    async def begin_replacement(self, actor: Actor, key: str, *, reason: str) -> Return:
        """Let a filed period take entries until its replacement is filed."""
        async with self._database.writing(actor.tenant_id) as session:
            await Entries(session).hold(actor.tenant_id)
            returns = Returns(session)
            filed = await returns.newest(actor.tenant_id, period(key).key)
            if filed is None:
                raise NotFiled(period=key)
            if await returns.correction(actor.tenant_id, key) is None:
                opened = {"reason": reason, "opened_at": now(), "opened_by": actor.user_id}
                returns.add(CorrectionRow(tenant_id=actor.tenant_id, period=key, first=filed.first, last=filed.last, **opened))
        return await self.current(actor, key)

    async def diff(self, actor: Actor, key: str) -> FiledDiff:
        """Return what a filed return would say now."""
        async with self._database.reading(actor.tenant_id) as session:
            filed = await Returns(session).newest(actor.tenant_id, period(key).key)
            if filed is None:
                raise NotFiled(period=key)
            as_filed = Return.model_validate(filed.content)
            now_is = await _made(session, actor, await _period(session, actor, key), version=self._version)
        return FiledDiff(period=key, version=filed.version, changed=differences(as_filed.boxes, now_is.boxes))

    async def recomputed(self, actor: Actor, key: str, *, version: int) -> dict[str, Decimal]:
        """Return the boxes of a filed return, summed anew from the entries that it counted."""
        async with self._database.reading(actor.tenant_id) as session:
            row = next(row for row in await Returns(session).versions(actor.tenant_id, key) if row.version == version)
            as_filed = Return.model_validate(row.content)
            sums = await Entries(session).contributions(actor.tenant_id, row.first, row.last, upto=as_filed.entries_upto)
        return boxes_of(sums, installed_form(), on=row.last)

    async def periods(self, actor: Actor) -> Sequence[PeriodStanding]:
        """Return the periods of a company until today, the newest first."""
        async with self._database.reading(actor.tenant_id) as session:
            return list(await standings(session, actor.tenant_id, today()))[::-1]

    async def set_periods(self, actor: Actor, kind: PeriodKind, *, valid_from: datetime.date) -> Sequence[PeriodStanding]:
        """Say how long periods are from a day on. Raises BadStart for a day before there was value added tax."""
        if not FIRST_DAY <= valid_from <= LAST_DAY:
            raise BadStart(first=FIRST_DAY.isoformat(), last=LAST_DAY.isoformat(), day=valid_from.isoformat())
        async with self._database.writing(actor.tenant_id) as session:
            returns = Returns(session)
            filed = await returns.overlapping(actor.tenant_id, valid_from, valid_from)
            if filed is not None:
                raise AlreadyFiled(period=filed.period)
            await returns.set_regime(RegimeRow(tenant_id=actor.tenant_id, valid_from=valid_from, kind=kind.value, set_at=now()))
        return await self.periods(actor)

    async def obligations(self, actor: Actor) -> Obligations:
        """Return what is to be filed by when, and how near the turnover is to the limit."""
        day, form = today(), installed_form()
        async with self._database.reading(actor.tenant_id) as session:
            items = []
            for one in await standings(session, actor.tenant_id, day):
                if one.status is ReturnStatus.FILED:
                    continue
                sums = await Entries(session).contributions(actor.tenant_id, one.first, one.last)
                payable = boxes_of(sums, form, on=one.last)[PAYABLE]
                late = max(0, (day - one.due).days)
                items.append(
                    Obligation(
                        period=one.period,
                        what=FILING,
                        due=one.due,
                        days_left=(one.due - day).days,
                        overdue=late > 0,
                        payable=payable,
                        late_fee=late_fee(late, payable, replaces=one.status is ReturnStatus.CORRECTING),
                    )
                )
            items += await _recapitulative(session, actor.tenant_id, day)
            years = [threshold(year, await _turnover(session, actor, form, year=year)) for year in (day.year, day.year - 1)]
        return Obligations(items=tuple(items), threshold=years[0], previous_year=years[1])


async def _recapitulative(session: Transaction, tenant_id: UUID, day: datetime.date) -> list[Obligation]:
    """Return the recapitulative statements to come, of months with sales to other member states; that one was given is not known here."""
    found = []
    for month in (period_of(day.replace(day=1) - DAY, PeriodKind.MONTH), period_of(day, PeriodKind.MONTH)):
        due = recapitulative_due(month.last)
        sums = await Entries(session).contributions(tenant_id, month.first, month.last)
        if due >= day and any(one.base_box in EU_SALES and one.net for one in sums):
            told = {"period": month.key, "what": RECAPITULATIVE, "due": due, "days_left": (due - day).days}
            found.append(Obligation(**told, overdue=False, payable=ZERO, late_fee=ZERO))
    return found


async def _period(session: Transaction, actor: Actor, key: str) -> Period:
    """Return a period, cut to begin on the day when the company's liability did."""
    wanted = period(key)
    filed = await Returns(session).newest(actor.tenant_id, key)
    if filed is not None:
        return wanted.model_copy(update={"first": filed.first, "last": filed.last})
    regimes = await Returns(session).regimes(actor.tenant_id)
    starts = [row.valid_from for row in regimes if wanted.holds(row.valid_from)]
    return wanted.model_copy(update={"first": max(starts)}) if starts else wanted


async def _made(session: Transaction, actor: Actor, wanted: Period, *, version: str) -> Return:
    form, entries = installed_form(), Entries(session)
    boxes = boxes_of(await entries.contributions(actor.tenant_id, wanted.first, wanted.last), form, on=wanted.last)
    return Return(
        period=wanted.key,
        **wanted.model_dump(exclude={"key"}),
        status=standing(wanted, today=today(), filed=False, correcting=False),
        boxes=boxes,
        lines=lines_of(boxes, form, on=wanted.last),
        payable=boxes[PAYABLE],
        rules_version=version,
        entries_upto=await entries.last_number(actor.tenant_id),
    )


async def standings(session: Transaction, tenant_id: UUID, day: datetime.date) -> list[PeriodStanding]:
    """Return the periods of a company until a day: dated rows say how long each is, and what is filed covers what it covers."""
    returns = Returns(session)
    filed = await returns.all(tenant_id)
    correcting = set(await returns.corrections(tenant_id))
    found = [period(row.period).model_copy(update={"first": row.first, "last": row.last}) for row in filed]
    covered = [(one.first, one.last) for one in found]
    own = _by_regime(await returns.regimes(tenant_id), await Entries(session).first_day(tenant_id), day)
    found += [one for one in own if not any(first <= one.last and last >= one.first for first, last in covered)]
    keys = {row.period for row in filed}
    return [
        PeriodStanding(
            period=one.key,
            **one.model_dump(exclude={"key"}),
            status=standing(one, today=day, filed=one.key in keys, correcting=one.key in correcting),
        )
        for one in sorted(found, key=lambda one: one.first)
    ]


def _by_regime(regimes: Sequence[RegimeRow], first_day: datetime.date | None, day: datetime.date) -> Iterator[Period]:
    starts = [(row.valid_from, PeriodKind(row.kind)) for row in regimes]
    if not starts:
        starts = [((first_day or day).replace(day=1), PeriodKind.MONTH)]
    ends = [after - DAY for after, _ in starts[1:]] + [max(day, starts[-1][0])]
    for (first, kind), last in zip(starts, ends, strict=True):
        yield from periods_between(first, last, kind)


async def _turnover(session: Transaction, actor: Actor, form: Form, *, year: int) -> Decimal:
    sales = [treatment.value for treatment in Treatment if form.treatments[treatment].turnover]
    first, last = datetime.date(year, 1, 1), datetime.date(year, 12, 31)
    return Decimal(await Entries(session).turnover(actor.tenant_id, first, last, treatments=sales)).scaleb(-2)


def _noted(wanted: Period, version: int, content: dict[str, Any]) -> EntryRow:
    """Return the entry that puts a filed return into the chain."""
    nothing = {"net_cents": 0, "vat_cents": 0, "deductible_cents": 0}
    return EntryRow(
        voucher_id=None, line=version, tax_date=wanted.last, treatment=f"return {wanted.key}", content_sha256=content_sha256(content),
        at=now(), **nothing,
    )  # fmt: skip


def _explained(row: EntryRow, added: int, content: dict[str, Any]) -> Explained:
    line = content["lines"][row.line - 1]
    names = ("treatment", "rate", "net", "vat", "deductible_vat", "evidence")
    return Explained(
        entry=row.number,
        voucher_id=content["id"],
        voucher_number=content["number"],
        year=content["year"],
        line=row.line,
        amount=Decimal(added).scaleb(-2),
        tax_date=row.tax_date,
        supplier=content["supplier"],
        description=line["description"] or content["description"],
        scan_id=content["scan_id"],
        **{name: line[name] for name in names},
    )


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 16):
        raise BadCursor
    return int(cursor)
