"""What of an entry, and of the end of its chain, the hashes cover."""

from collections.abc import Sequence
from typing import Any

from converto.kernel.sealed_chain import NOTHING_BEFORE, Ends, Link
from converto.vat.models import ChainHeadRow, EntryRow


def ends_of(head: ChainHeadRow) -> Ends:
    """Return what a seal is made of."""
    return Ends(head.tenant_id, 1, NOTHING_BEFORE, head.last, head.hash)


def link_of(row: EntryRow) -> Link:
    """Return an entry as its chain has it."""
    return Link(row.number, said(row), row.hash)


def said(row: EntryRow) -> Sequence[Any]:
    """Return what of an entry its hash covers."""
    return [
        str(row.tenant_id), row.number, None if row.voucher_id is None else str(row.voucher_id), row.line, row.tax_date.isoformat(),
        row.treatment, row.base_box, row.tax_box, row.net_cents, row.vat_cents, row.deductible_cents, row.content_sha256,
        row.at.isoformat(timespec="microseconds"),
    ]  # fmt: skip
