"""Vouchers: drafts with findings, and what is booked for good."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from converto.events.outbox import publish
from converto.kernel.actor import Actor, ActorKind
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database, Transaction
from converto.kernel.money import Money
from converto.kernel.paging import Page, after
from converto.vat.booking import booked_line, negated, retain_until
from converto.vat.boxes import installed_form
from converto.vat.drafting import Drafted, with_known_rates
from converto.vat.events import VoucherBooked
from converto.vat.findings import NEAR, Known, findings, printed_total, still_noted
from converto.vat.interface import AlreadyReversed, CannotBook, LockedPeriod, NotADraft, NotBooked, UnknownVoucher
from converto.vat.models import EntryRow, VoucherRow
from converto.vat.rates import Rates, RatesOf
from converto.vat.repository import Entries, Returns, Vouchers
from converto.vat.ruling import rule_for
from converto.vat.supplier_rules import SupplierRule, may_approve, ruled
from converto.vat.today import today
from converto.vat.validation import Identifier, checked, seller_id
from converto.vat.vouchers import (
    Decision,
    Line,
    NewLine,
    NewVoucher,
    Voucher,
    VoucherFilter,
    VoucherSource,
    VoucherStatus,
)

LOCKED_FINDING = "locked_period"


class Bookkeeping:
    """Keeps the vouchers of companies."""

    def __init__(self, database: Database, rates_of: RatesOf) -> None:
        self._database = database
        self._rates_of = rates_of

    async def add(self, actor: Actor, given: NewVoucher, *, draft: bool) -> Voucher:
        """Book a voucher or keep it as a draft."""
        async with self._database.writing(actor.tenant_id) as session:
            row = VoucherRow(tenant_id=actor.tenant_id, id=new_id())
            drafted = await _drafted(session, actor, row, given, rates=self._rates, source=VoucherSource.TYPED)
            if not draft:
                drafted = await _booked(session, actor, row, drafted)
            Vouchers(session).add(row)
        return drafted

    async def draft(self, actor: Actor, found: Drafted, *, source: VoucherSource, event_id: UUID | None = None) -> Voucher:
        """Keep a draft of a document, as the company's rule about its supplier has it; a rule may also book it.

        A second time for the same event gives what was drafted for it.
        """
        found = with_known_rates(found, self._rates)
        async with self._database.writing(actor.tenant_id) as session:
            vouchers = Vouchers(session)
            known = None if event_id is None else await vouchers.of_event(actor.tenant_id, event_id)
            if known is not None:
                return _voucher(await _found(vouchers, actor, known))
            kept = in_one_form(found.voucher)
            rule = await rule_for(session, actor.tenant_id, kept.seller_id)
            given = kept if rule is None else ruled(kept, rule)
            row = VoucherRow(tenant_id=actor.tenant_id, id=new_id(), event_id=event_id)
            drafted = await _drafted(session, actor, row, given, rates=self._rates, source=source, found=found, rule=rule)
            if rule is not None and may_approve(rule, drafted, confidence=found.confidence):
                drafted = await _booked(session, actor, row, drafted, rule=rule)
            vouchers.add(row)
        return drafted

    @property
    def _rates(self) -> Rates:
        return self._rates_of("FI")

    async def change(self, actor: Actor, voucher_id: UUID, given: NewVoucher) -> Voucher:
        """Put what is given in the place of a draft."""
        async with self._database.writing(actor.tenant_id) as session:
            row = await _draft(Vouchers(session), actor, voucher_id)
            before = _voucher(row)
            # what it was made of stays what it is, also where whoever changes it does not name that
            document = {name: getattr(given, name) or getattr(before, name) for name in ("scan_id", "original_sha256")}
            total = printed_total(before) if given.total is None else given.total
            given = given.model_copy(update={**document, "total": total})
            return await _drafted(session, actor, row, given, rates=self._rates, source=before.source, found=before)

    async def approve(self, actor: Actor, voucher_id: UUID) -> Voucher:
        """Book a draft."""
        async with self._database.writing(actor.tenant_id) as session:
            row = await _draft(Vouchers(session), actor, voucher_id)
            drafted = await _with_findings(session, row, _voucher(row))
            return await _booked(session, actor, row, drafted)

    async def discard(self, actor: Actor, voucher_id: UUID) -> None:
        """Remove a draft."""
        async with self._database.writing(actor.tenant_id) as session:
            vouchers = Vouchers(session)
            await vouchers.remove(await _draft(vouchers, actor, voucher_id))

    async def reverse(self, actor: Actor, voucher_id: UUID, *, reason: str, on: datetime.date | None) -> Voucher:
        """Book a voucher that takes another back."""
        async with self._database.writing(actor.tenant_id) as session:
            vouchers = Vouchers(session)
            await Entries(session).hold(actor.tenant_id)
            original = _voucher(await _found(vouchers, actor, voucher_id))
            if original.status is not VoucherStatus.BOOKED:
                raise NotBooked(voucher_id=voucher_id)
            if original.reverses is not None or await vouchers.reversal_of(actor.tenant_id, voucher_id) is not None:
                raise AlreadyReversed(voucher_id=voucher_id)
            changes = {
                "id": new_id(),
                "status": VoucherStatus.DRAFT,
                "source": VoucherSource.REVERSAL,
                "number": None,
                "tax_date": on or original.tax_date,
                "total": -original.total,
                "vat_total": -original.vat_total,
                "lines": tuple(negated(line) for line in original.lines),
                "findings": (),
                "reverses": voucher_id,
                "reason": reason,
                "rules_version": self._rates.version,
                "created_at": now(),
                "created_by": actor.user_id,
            }
            reversal = original.model_copy(update=changes)
            row = VoucherRow(tenant_id=actor.tenant_id, id=reversal.id)
            _written(row, reversal)
            booked = await _booked(session, actor, row, reversal)
            vouchers.add(row)
        return booked

    async def get(self, actor: Actor, voucher_id: UUID) -> Voucher:
        """Return a voucher."""
        async with self._database.reading(actor.tenant_id) as session:
            vouchers = Vouchers(session)
            row = await _found(vouchers, actor, voucher_id, lock=False)
            reversal = await vouchers.reversal_of(actor.tenant_id, voucher_id)
        return _voucher(row).model_copy(update={"reversed_by": reversal})

    async def page(self, actor: Actor, wanted: VoucherFilter, *, limit: int, cursor: str | None) -> Page[Voucher]:
        """List vouchers, the newest first."""
        async with self._database.reading(actor.tenant_id) as session:
            vouchers = Vouchers(session)
            rows = await vouchers.page(actor.tenant_id, wanted, limit + 1, after=after(cursor))
            reversals = await vouchers.reversals(actor.tenant_id, [row.id for row in rows])
        found = [_voucher(row).model_copy(update={"reversed_by": reversals.get(row.id)}) for row in rows]
        return Page[Voucher].of(found, limit, cursor=lambda voucher: voucher.id)


async def _drafted(
    session: Transaction,
    actor: Actor,
    row: VoucherRow,
    given: NewVoucher,
    *,
    rates: Rates,
    source: VoucherSource,
    found: Drafted | Voucher | None = None,
    rule: SupplierRule | None = None,
) -> Voucher:
    given = in_one_form(given)
    form, on = installed_form(), given.tax_date
    euros = in_euros(given)
    lines = tuple(booked_line(line, at, rates=rates, form=form, on=on) for at, line in enumerate(euros, start=1))
    together = sum((line.gross for line in lines), Decimal("0.00"))
    drafted = Voucher(
        **given.model_dump(exclude={"lines", "total"}),
        id=row.id,
        status=VoucherStatus.DRAFT,
        source=source,
        tax_date=on,
        total=together,
        vat_total=sum((line.vat for line in lines), Decimal("0.00")),
        lines=lines,
        retain_until=retain_until(on),
        rules_version=rates.version,
        ruled_by=None if rule is None else rule.id,
        created_at=now(),
        created_by=actor.user_id,
    )
    _written(row, drafted)
    document = found if isinstance(found, Drafted) else None
    also = still_noted(found, given, lines) if isinstance(found, Voucher) else () if document is None else document.noted
    noted = findings(given, lines, rates, known=await _known(session, row, given, document), also=also)
    return _written(row, drafted.model_copy(update={"findings": noted}))


def in_one_form(given: NewVoucher) -> NewVoucher:
    """Return a voucher with its seller's id and account as they are kept: written in two ways they would be two suppliers'."""
    iban = None if given.iban is None else checked(Identifier.IBAN, given.iban).normalised or given.iban
    return given.model_copy(update={"seller_id": None if given.seller_id is None else seller_id(given.seller_id), "iban": iban})


def in_euros(given: NewVoucher) -> Sequence[NewLine]:
    """Return the lines of a voucher in euros, at the rate that it names; without one they stay as they are, and a finding says so."""
    rate = given.currency_rate
    if given.currency == "EUR" or rate is None:
        return given.lines
    amounts = ("net", "vat", "gross", "bought_for")
    return [
        line.model_copy(update={name: amount * rate for name in amounts if (amount := getattr(line, name)) is not None})
        for line in given.lines
    ]


async def _known(session: Transaction, row: VoucherRow, given: NewVoucher, found: Drafted | None) -> Known:
    vouchers, tenant_id = Vouchers(session), row.tenant_id
    twin, alike = (None, None) if found is None else (found.twin, found.near)
    scans = [scan for scan in (given.scan_id, twin) if scan is not None]
    with session.no_autoflush:
        same = await vouchers.same(tenant_id, sha256=given.original_sha256, scans=scans, other_than=row.id)
        near = await vouchers.near(row, within=NEAR)
        if near is None and alike is not None:
            near = await vouchers.same(tenant_id, sha256=None, scans=[alike], other_than=row.id)
        ibans = await vouchers.ibans(tenant_id, given.seller_id, other_than=row.id) if given.seller_id else frozenset()
        locked = await Returns(session).locking(tenant_id, given.tax_date)
    return Known(
        today=today(),
        locked=locked,
        same=None if same is None else _called(same),
        near=None if near is None else _called(near),
        supplier_ibans=ibans,
    )


def _called(row: VoucherRow) -> str:
    return str(row.id) if row.number is None else f"{row.year}/{row.number}"


async def _with_findings(session: Transaction, row: VoucherRow, drafted: Voucher) -> Voucher:
    """Return a draft without the finding that its period is locked, where it is so no more."""
    locked = await Returns(session).locking(row.tenant_id, drafted.tax_date)
    if locked is not None:
        raise LockedPeriod(period=locked)
    return drafted.model_copy(update={"findings": tuple(one for one in drafted.findings if one.code != LOCKED_FINDING)})


async def _booked(session: Transaction, actor: Actor, row: VoucherRow, drafted: Voucher, *, rule: SupplierRule | None = None) -> Voucher:
    """Give a voucher its number, and write its lines into the chain."""
    entries, vouchers = Entries(session), Vouchers(session)
    await entries.hold(actor.tenant_id)
    locked = await Returns(session).locking(actor.tenant_id, drafted.tax_date)
    if locked is not None:
        raise LockedPeriod(period=locked)
    wrong = [finding for finding in drafted.findings if finding.severity == "error"]
    if wrong:
        summary = " ".join(finding.en.message for finding in wrong)
        raise CannotBook(summary=summary, findings=[finding.model_dump(mode="json") for finding in wrong])
    at, year = now(), drafted.tax_date.year
    changes = {
        "status": VoucherStatus.BOOKED,
        "year": year,
        "number": await vouchers.next_number(actor.tenant_id, year),
        "booked_at": at,
        "decided": _decision(actor, at) if rule is None else Decision(by="rule", id=rule.id, at=at),
        "retain_until": retain_until(drafted.tax_date),
    }
    booked = _written(row, drafted.model_copy(update=changes))
    content = content_sha256(row.content)
    await entries.add(actor.tenant_id, [_entry(row, number, line, content, at=at) for number, line in enumerate(booked.lines, start=1)])
    await publish(session, _told(actor, booked))
    return booked


def _decision(actor: Actor, at: datetime.datetime) -> Decision:
    if actor.kind is ActorKind.API_KEY:
        return Decision(by="api_key", id=actor.api_key_id, at=at)
    if actor.kind is ActorKind.SERVICE:
        return Decision(by="service", at=at)
    return Decision(by="person", id=actor.user_id, at=at)


def _told(actor: Actor, booked: Voucher) -> VoucherBooked:
    return VoucherBooked(
        tenant_id=actor.tenant_id,
        voucher_id=booked.id,
        number=booked.number or 0,
        year=booked.year or 0,
        tax_date=booked.tax_date,
        total=Money(amount=booked.total),
        vat=Money(amount=booked.vat_total),
        reverses=booked.reverses,
    )


def _entry(row: VoucherRow, number: int, line: Line, content: str, *, at: datetime.datetime) -> EntryRow:
    return EntryRow(
        voucher_id=row.id,
        line=number,
        tax_date=row.tax_date,
        treatment=line.treatment.value,
        base_box=line.base_box,
        tax_box=line.tax_box,
        net_cents=cents(line.net),
        vat_cents=cents(line.vat),
        deductible_cents=cents(line.deductible_vat),
        content_sha256=content,
        at=at,
    )


def cents(amount: Decimal) -> int:
    """Return an amount of whole cents as their number."""
    return int(amount.scaleb(2))


def content_sha256(content: dict[str, Any]) -> str:
    """Return the hash of what a voucher or a return holds, however a database keeps its JSON."""
    return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def columns_of(voucher: Voucher) -> dict[str, Any]:
    """Return what of a voucher is kept beside its content, to look for it by."""
    names = ("year", "number", "tax_date", "document_date", "seller_id", "iban", "original_sha256", "scan_id", "reverses")
    return {name: getattr(voucher, name) for name in names} | {"status": voucher.status.value, "total_cents": cents(voucher.total)}


def _written(row: VoucherRow, voucher: Voucher) -> Voucher:
    for name, value in columns_of(voucher).items():
        setattr(row, name, value)
    row.content = voucher.model_dump(mode="json")
    return voucher


def _voucher(row: VoucherRow) -> Voucher:
    return Voucher.model_validate(row.content)


async def _found(vouchers: Vouchers, actor: Actor, voucher_id: UUID, *, lock: bool = True) -> VoucherRow:
    row = await (vouchers.lock if lock else vouchers.get)(actor.tenant_id, voucher_id)
    if row is None:
        raise UnknownVoucher(voucher_id=voucher_id)
    return row


async def _draft(vouchers: Vouchers, actor: Actor, voucher_id: UUID) -> VoucherRow:
    row = await _found(vouchers, actor, voucher_id)
    if row.status != VoucherStatus.DRAFT:
        raise NotADraft(voucher_id=voucher_id)
    return row
