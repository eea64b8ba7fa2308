"""Value added tax: answers from the rules, and keeps what is booked and filed."""

import datetime
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from uuid import UUID

from converto.kernel.actor import Actor
from converto.kernel.blobs import BlobStore
from converto.kernel.database import Database
from converto.kernel.paging import Page
from converto.kernel.tracing import spanning
from converto.ocr.interface import Ocr
from converto.vat.bookkeeping import Bookkeeping
from converto.vat.calculation import Calculation, Rounding, SoldLine, calculated
from converto.vat.calendar import PeriodKind
from converto.vat.drafting import drafted
from converto.vat.e_invoices import e_invoice_key, voucher_of
from converto.vat.export import LedgerFormat, ReturnFormat
from converto.vat.exporting import Exporting
from converto.vat.filing import Filing
from converto.vat.interface import ExportedFile, NoEInvoice, Piece, RateList, Vat
from converto.vat.rates import RateRow, RatesOf, installed_rates
from converto.vat.reminding import Reminding
from converto.vat.returns import Explanation, FiledDiff, Obligations, PeriodStanding, Return
from converto.vat.ruling import Ruling
from converto.vat.supplier_rules import LearntRule, NewSupplierRule, SupplierRule
from converto.vat.today import today
from converto.vat.validation import Identifier, Verdict, checked
from converto.vat.vies import Vies
from converto.vat.vouchers import NewVoucher, Voucher, VoucherFilter, VoucherSource

READ, WRITE = "vat:read", "vat:write"


class VatService(Vat):
    """Knows the rules, and keeps the vouchers and the returns."""

    def __init__(
        self, database: Database, blobs: BlobStore, ocr: Ocr, *, rates_of: RatesOf = installed_rates, vies: Vies | None = None
    ) -> None:
        self._vies = vies
        self.blobs = blobs
        self.ocr = ocr
        self._rates_of = rates_of
        self.books = Bookkeeping(database, rates_of)
        self._ruling = Ruling(database)
        self.filing = Filing(database, rates_of)
        self.reminding = Reminding(database)
        self._exporting = Exporting(database, blobs, self.filing, ocr=ocr)

    async def rates(self, *, on: datetime.date | None = None, country: str = "FI") -> RateList:
        """See `Vat.rates`."""
        day, rates = on or today(), self._rates_of(country)
        return RateList(
            country=country, on=day, rules_version=rates.version, rows=tuple(rates.in_force(day)), described=rates.described(day)
        )

    async def rate_history(self, *, country: str = "FI") -> RateList:
        """See `Vat.rate_history`."""
        rates = self._rates_of(country)
        return RateList(country=country, on=None, rules_version=rates.version, rows=rates.rows)

    async def rate(self, category: str, on: datetime.date, *, country: str = "FI") -> RateRow:
        """See `Vat.rate`."""
        return self._rates_of(country).rate(category, on)

    async def calculate(
        self, actor: Actor, lines: Sequence[SoldLine], *, on: datetime.date | None = None, rounding: Rounding = Rounding.DOCUMENT
    ) -> Calculation:
        """See `Vat.calculate`."""
        actor.require(READ)
        return calculated(lines, self._rates_of("FI"), on=on or today(), rounding=rounding)

    async def validate(self, actor: Actor, kind: Identifier, *, value: str) -> Verdict:
        """See `Vat.validate`."""
        actor.require(READ)
        verdict = checked(kind, value)
        if self._vies is None or kind is not Identifier.VAT_ID or verdict.normalised is None:
            return verdict
        told = await self._vies.told(verdict.normalised)
        return verdict.model_copy(update={"details": {**verdict.details, **told}})

    async def add_voucher(self, actor: Actor, given: NewVoucher, *, draft: bool = False) -> Voucher:
        """See `Vat.add_voucher`."""
        actor.require(WRITE)
        return await self.books.add(actor, given, draft=draft)

    async def draft_from_scan(self, tenant_id: UUID, scan_id: UUID, *, event_id: UUID) -> Voucher | None:
        """Keep a draft voucher of a document that was read; None for one that nothing is paid by. Raises UnknownScan."""
        actor = Actor.service(tenant_id, "ocr:read", WRITE)
        scan = await self.ocr.scan(actor, scan_id)
        with spanning("vat.draft", {"converto.scan_id": str(scan_id)}):
            found = drafted(scan, self._rates_of("FI"))
            if found is None:
                return None
            return await self.books.draft(actor, found, source=VoucherSource.SCAN, event_id=event_id)

    async def take_e_invoice(self, actor: Actor, content: bytes) -> Voucher:
        """See `Vat.take_e_invoice`."""
        actor.require(WRITE)
        found = voucher_of(content, self._rates_of("FI"))
        await self.blobs.put(e_invoice_key(actor.tenant_id, sha256(content).hexdigest()), content)
        return await self.books.draft(actor, found, source=VoucherSource.E_INVOICE)

    async def e_invoice(self, actor: Actor, voucher_id: UUID) -> ExportedFile:
        """See `Vat.e_invoice`."""
        actor.require(READ)
        voucher = await self.books.get(actor, voucher_id)
        if voucher.source is not VoucherSource.E_INVOICE or voucher.original_sha256 is None:
            raise NoEInvoice(voucher_id=voucher_id)
        content = await self.blobs.get(e_invoice_key(actor.tenant_id, voucher.original_sha256))
        return ExportedFile(content=content, media_type="application/xml", filename=f"{voucher_id}.xml")

    async def change_draft(self, actor: Actor, voucher_id: UUID, *, given: NewVoucher) -> Voucher:
        """See `Vat.change_draft`."""
        actor.require(WRITE)
        return await self.books.change(actor, voucher_id, given)

    async def approve(self, actor: Actor, voucher_id: UUID) -> Voucher:
        """See `Vat.approve`."""
        actor.require(WRITE)
        return await self.books.approve(actor, voucher_id)

    async def discard(self, actor: Actor, voucher_id: UUID) -> None:
        """See `Vat.discard`."""
        actor.require(WRITE)
        await self.books.discard(actor, voucher_id)

    async def reverse(self, actor: Actor, voucher_id: UUID, *, reason: str, on: datetime.date | None = None) -> Voucher:
        """See `Vat.reverse`."""
        actor.require(WRITE)
        return await self.books.reverse(actor, voucher_id, reason=reason, on=on)

    async def voucher(self, actor: Actor, voucher_id: UUID) -> Voucher:
        """See `Vat.voucher`."""
        actor.require(READ)
        return await self.books.get(actor, voucher_id)

    async def vouchers(self, actor: Actor, wanted: VoucherFilter, *, limit: int = 50, cursor: str | None = None) -> Page[Voucher]:
        """See `Vat.vouchers`."""
        actor.require(READ)
        return await self.books.page(actor, wanted, limit=limit, cursor=cursor)

    async def supplier_rules(self, actor: Actor) -> Sequence[SupplierRule]:
        """See `Vat.supplier_rules`."""
        actor.require(READ)
        return await self._ruling.rules(actor)

    async def learnt_rules(self, actor: Actor) -> Sequence[LearntRule]:
        """See `Vat.learnt_rules`."""
        actor.require(READ)
        return await self._ruling.learnt(actor)

    async def switch_on_rule(self, actor: Actor, given: NewSupplierRule) -> SupplierRule:
        """See `Vat.switch_on_rule`."""
        actor.require(WRITE)
        return await self._ruling.switch_on(actor, given)

    async def switch_off_rule(self, actor: Actor, rule_id: UUID) -> None:
        """See `Vat.switch_off_rule`."""
        actor.require(WRITE)
        await self._ruling.switch_off(actor, rule_id)

    async def periods(self, actor: Actor) -> Sequence[PeriodStanding]:
        """See `Vat.periods`."""
        actor.require(READ)
        return await self.filing.periods(actor)

    async def set_periods(self, actor: Actor, kind: PeriodKind, *, valid_from: datetime.date) -> Sequence[PeriodStanding]:
        """See `Vat.set_periods`."""
        actor.require(WRITE)
        return await self.filing.set_periods(actor, kind, valid_from=valid_from)

    async def tax_return(self, actor: Actor, period: str) -> Return:
        """See `Vat.tax_return`."""
        actor.require(READ)
        return await self.filing.current(actor, period)

    async def filed_returns(self, actor: Actor, period: str) -> Sequence[Return]:
        """See `Vat.filed_returns`."""
        actor.require(READ)
        return await self.filing.filed(actor, period)

    async def explain(self, actor: Actor, period: str, *, box: str, limit: int = 50, cursor: str | None = None) -> Explanation:
        """See `Vat.explain`."""
        actor.require(READ)
        return await self.filing.explain(actor, period, box=box, limit=limit, cursor=cursor)

    async def file(self, actor: Actor, period: str) -> Return:
        """See `Vat.file`."""
        actor.require(WRITE)
        return await self.filing.file(actor, period)

    async def begin_replacement(self, actor: Actor, period: str, *, reason: str) -> Return:
        """See `Vat.begin_replacement`."""
        actor.require(WRITE)
        return await self.filing.begin_replacement(actor, period, reason=reason)

    async def filed_diff(self, actor: Actor, period: str) -> FiledDiff:
        """See `Vat.filed_diff`."""
        actor.require(READ)
        return await self.filing.diff(actor, period)

    async def obligations(self, actor: Actor) -> Obligations:
        """See `Vat.obligations`."""
        actor.require(READ)
        return await self.filing.obligations(actor)

    async def return_file(self, actor: Actor, period: str, *, kind: ReturnFormat, business_id: str | None = None) -> ExportedFile:
        """See `Vat.return_file`."""
        actor.require(READ)
        return await self._exporting.tax_return(actor, period, kind, business_id=business_id)

    def ledger(self, actor: Actor, kind: LedgerFormat, *, since: datetime.date, until: datetime.date) -> AsyncIterator[Piece]:
        """See `Vat.ledger`."""
        actor.require(READ)
        return self._exporting.ledger(actor, kind, since, until=until)

    def audit_pack(self, actor: Actor, *, since: datetime.date, until: datetime.date) -> AsyncIterator[Piece]:
        """See `Vat.audit_pack`."""
        actor.require(READ)
        return self._exporting.audit_pack(actor, since, until=until)
