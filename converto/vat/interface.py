"""What other modules, and the REST API, may ask of value added tax."""

import datetime
from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from uuid import UUID

from pydantic import Field

from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Invalid, NotFound
from converto.kernel.interface import Interface, Value, command, query, stream
from converto.kernel.paging import Page
from converto.vat.calculation import Calculation, Rounding, SoldLine
from converto.vat.calendar import PeriodKind
from converto.vat.export import LedgerFormat, ReturnFormat
from converto.vat.rates import RateRow
from converto.vat.returns import Explanation, FiledDiff, Obligations, PeriodStanding, Return
from converto.vat.supplier_rules import LearntRule, NewSupplierRule, SupplierRule
from converto.vat.validation import Identifier, Verdict
from converto.vat.vouchers import NewVoucher, Voucher, VoucherFilter


class RateList(Value):
    """Rates of a country, and the version of the rules that they are of."""

    country: str
    on: datetime.date | None
    """The day that they are in force on; None for all that were."""
    rules_version: str
    rows: tuple[RateRow, ...]
    described: str = ""
    """The same in one sentence, for a language model."""


class ExportedFile(Value):
    """A file to give away."""

    content: bytes = Field(repr=False)
    media_type: str
    filename: str


class Piece(Value):
    """A part of a file that is written while it is read."""

    content: bytes = Field(repr=False)


class UnknownVoucher(NotFound):
    """There is no such voucher, or it belongs to another company."""

    code = "vat.unknown_voucher"
    message = "There is no voucher {voucher_id}."


class NotADraft(Conflict):
    """A voucher that is booked is never changed."""

    code = "vat.not_a_draft"
    message = "Voucher {voucher_id} is booked, and what is booked is never changed: reverse it."


class NotBooked(Conflict):
    """A draft has nothing to reverse."""

    code = "vat.not_booked"
    message = "Voucher {voucher_id} is a draft: discard it instead."


class AlreadyReversed(Conflict):
    """A voucher is reversed once, and a reversal never."""

    code = "vat.already_reversed"
    message = "Voucher {voucher_id} is reversed already, or is a reversal itself."


class LockedPeriod(Conflict):
    """The day is in a period that is filed."""

    code = "vat.locked_period"
    message = "The period {period} is filed: open a replacement of its return with a reason, or choose a later day."


class CannotBook(Invalid):
    """A voucher with findings that forbid to book it; `findings` tells each."""

    code = "vat.cannot_book"
    message = "The voucher cannot be booked: {summary}"


class PeriodNotOver(Conflict):
    """A period that goes on cannot be filed."""

    code = "vat.period_not_over"
    message = "The period {period} goes on until {last}: file it afterwards."


class AlreadyFiled(Conflict):
    """A period that shares a day with one that is filed."""

    code = "vat.already_filed"
    message = "The period {period} is filed: what changes in it is a replacement with a reason."


class NotFiled(Conflict):
    """Only what is filed can be replaced."""

    code = "vat.not_filed"
    message = "The period {period} is not filed."


class NoEInvoice(NotFound):
    """The voucher did not come as an e-invoice."""

    code = "vat.no_e_invoice"
    message = "Voucher {voucher_id} did not come as an e-invoice."


class RuleIsThere(Conflict):
    """A supplier has one rule."""

    code = "vat.rule_is_there"
    message = "There is a rule about {seller_id} already: switch it off first."


class RuleNotProven(Conflict):
    """A rule that the company's own history does not bear out; `differing` names the vouchers that were booked in another way."""

    code = "vat.rule_not_proven"
    message = "The approvals for {seller_id} do not make a rule: {agreed} of {vouchers} vouchers agree, and all of three or more have to."


class UnknownRule(NotFound):
    """There is no such rule, or it is off."""

    code = "vat.unknown_rule"
    message = "There is no rule {rule_id}."


class UnknownBox(NotFound):
    """The return has no such line."""

    code = "vat.unknown_box"
    message = "The return has no line {box}."


class Vat(Interface, Protocol):
    """Rates, vouchers and returns."""

    @query
    async def rates(self, *, on: datetime.date | None = None, country: str = "FI") -> RateList:
        """Return the rates in force on a day (today in Finland), each with its source. Raises UnknownCountry."""
        ...

    @query
    async def rate_history(self, *, country: str = "FI") -> RateList:
        """Return every rate that is known, by category and day. Raises UnknownCountry."""
        ...

    @query
    async def rate(self, category: str, on: datetime.date, *, country: str = "FI") -> RateRow:
        """Return the rate of a category in force on a day. Raises NoRate, UnknownCountry."""
        ...

    @query
    async def calculate(
        self, actor: Actor, lines: Sequence[SoldLine], *, on: datetime.date | None = None, rounding: Rounding = Rounding.DOCUMENT
    ) -> Calculation:
        """Return net, tax and gross of lines on a day (today in Finland), for each rate and together. Raises NoRate."""
        ...

    @query
    async def validate(self, actor: Actor, kind: Identifier, *, value: str) -> Verdict:
        """Return whether an identifier holds, what is wrong with it, and how it is written."""
        ...

    @command
    async def add_voucher(self, actor: Actor, given: NewVoucher, *, draft: bool = False) -> Voucher:
        """Book a voucher, or keep it as a draft with its findings. Raises BadLine, CannotBook, LockedPeriod."""
        ...

    @command
    async def take_e_invoice(self, actor: Actor, content: bytes) -> Voucher:
        """Keep a draft voucher of a Finvoice, UBL or Cross Industry Invoice, and the invoice unchanged. Raises NotAnEInvoice, BadLine."""
        ...

    @query
    async def e_invoice(self, actor: Actor, voucher_id: UUID) -> ExportedFile:
        """Return the e-invoice that a voucher came from, unchanged. Raises UnknownVoucher, NoEInvoice."""
        ...

    @command
    async def change_draft(self, actor: Actor, voucher_id: UUID, *, given: NewVoucher) -> Voucher:
        """Put what is given in the place of a draft. Raises UnknownVoucher, NotADraft, BadLine."""
        ...

    @command
    async def approve(self, actor: Actor, voucher_id: UUID) -> Voucher:
        """Book a draft. Raises UnknownVoucher, NotADraft, CannotBook, LockedPeriod."""
        ...

    @command
    async def discard(self, actor: Actor, voucher_id: UUID) -> None:
        """Remove a draft. Raises UnknownVoucher, NotADraft."""
        ...

    @command
    async def reverse(self, actor: Actor, voucher_id: UUID, *, reason: str, on: datetime.date | None = None) -> Voucher:
        """Book a voucher that takes another back, on its day or on the one that is given.

        Raises UnknownVoucher, NotBooked, AlreadyReversed, LockedPeriod.
        """
        ...

    @query
    async def voucher(self, actor: Actor, voucher_id: UUID) -> Voucher:
        """Return a voucher. Raises UnknownVoucher."""
        ...

    @query
    async def vouchers(self, actor: Actor, wanted: VoucherFilter, *, limit: int = 50, cursor: str | None = None) -> Page[Voucher]:
        """List vouchers, the newest first. Raises BadCursor."""
        ...

    @query
    async def supplier_rules(self, actor: Actor) -> Sequence[SupplierRule]:
        """Return the rules about suppliers that are on."""
        ...

    @query
    async def learnt_rules(self, actor: Actor) -> Sequence[LearntRule]:
        """Return what approvals say of suppliers that have no rule yet, each tried on what was booked before."""
        ...

    @command
    async def switch_on_rule(self, actor: Actor, given: NewSupplierRule) -> SupplierRule:
        """Use what approvals say of a supplier from now on. Raises RuleIsThere, RuleNotProven."""
        ...

    @command
    async def switch_off_rule(self, actor: Actor, rule_id: UUID) -> None:
        """Use a rule no more. Raises UnknownRule."""
        ...

    @query
    async def periods(self, actor: Actor) -> Sequence[PeriodStanding]:
        """Return the periods of a company until today, the newest first."""
        ...

    @command
    async def set_periods(self, actor: Actor, kind: PeriodKind, *, valid_from: datetime.date) -> Sequence[PeriodStanding]:
        """Say how long periods are from a day on, the first time on the day when liability begins. Raises AlreadyFiled."""
        ...

    @query
    async def tax_return(self, actor: Actor, period: str) -> Return:
        """Return a period's return: as filed, or as it stands now. Raises BadPeriod."""
        ...

    @query
    async def filed_returns(self, actor: Actor, period: str) -> Sequence[Return]:
        """Return all that was filed for a period, the first first. Raises BadPeriod."""
        ...

    @query
    async def explain(self, actor: Actor, period: str, *, box: str, limit: int = 50, cursor: str | None = None) -> Explanation:
        """Return the entries that a box is made of, down to the page and the rectangle. Raises BadPeriod, UnknownBox, BadCursor."""
        ...

    @command
    async def file(self, actor: Actor, period: str) -> Return:
        """Freeze a period's return as filed; also the replacement that is being made. Raises BadPeriod, PeriodNotOver, AlreadyFiled."""
        ...

    @command
    async def begin_replacement(self, actor: Actor, period: str, *, reason: str) -> Return:
        """Let a filed period take entries until its replacement is filed. Raises BadPeriod, NotFiled."""
        ...

    @query
    async def filed_diff(self, actor: Actor, period: str) -> FiledDiff:
        """Return what a filed return would say now. Raises BadPeriod, NotFiled."""
        ...

    @query
    async def obligations(self, actor: Actor) -> Obligations:
        """Return what is to be filed by when, what being late costs, and how near the turnover is to the limit."""
        ...

    @query(timeout_s=60)
    async def return_file(self, actor: Actor, period: str, *, kind: ReturnFormat, business_id: str | None = None) -> ExportedFile:
        """Return a period's return as a file. Raises BadPeriod, and NoBusinessId for a record that names the company."""
        ...

    @stream(timeout_s=600)
    def ledger(self, actor: Actor, kind: LedgerFormat, *, since: datetime.date, until: datetime.date) -> AsyncIterator[Piece]:
        """Yield the booked vouchers of a time in the form of another program."""
        ...

    @stream(timeout_s=3600)
    def audit_pack(self, actor: Actor, *, since: datetime.date, until: datetime.date) -> AsyncIterator[Piece]:
        """Yield a ZIP archive of entries, vouchers, returns and originals of a time, with the hash of each."""
        ...
