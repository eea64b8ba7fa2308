"""What value added tax does when others tell something."""

from converto.kernel.errors import NotFound
from converto.ocr.events import ScanCompleted
from converto.vat.booking import BadLine
from converto.vat.service import VatService


async def draft_voucher(event: ScanCompleted, vat: VatService) -> None:
    """Keep a draft voucher of a document that was read; one that was removed meanwhile, or whose figures fit no line, gives none."""
    try:
        await vat.draft_from_scan(event.tenant_id, event.scan_id, event_id=event.id)
    except (NotFound, BadLine):
        return
