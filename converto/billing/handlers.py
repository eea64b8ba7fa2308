"""What billing does when it hears that paid work has come to an end."""

from converto.ai.events import UsageSettled
from converto.billing.events import PaymentsSpoke, UsageRecorded
from converto.billing.plans import Feature
from converto.billing.service import BillingService
from converto.kernel.actor import Actor
from converto.kernel.event import Event
from converto.kernel.paid_work import Use
from converto.ocr.events import ScanCancelled, ScanCompleted, ScanFailed
from converto.vision.events import AnalysisCompleted, AnalysisFailed


async def count_scan(event: ScanCompleted, billing: BillingService) -> None:
    """Count a document that has been read."""
    await billing.confirm(_whose(event), (_scan(event),))


async def release_failed_scan(event: ScanFailed, billing: BillingService) -> None:
    """Charge nothing for a document that could not be read."""
    await billing.release(_whose(event), (_scan(event),))


async def release_cancelled_scan(event: ScanCancelled, billing: BillingService) -> None:
    """Charge nothing for a document that nobody wants read any more."""
    await billing.release(_whose(event), (_scan(event),))


async def count_answers(event: UsageSettled, billing: BillingService) -> None:
    """Count the tokens and the money that answers of models took."""
    await billing.confirm(_whose(event), event.uses)


async def count_analysis(event: AnalysisCompleted, billing: BillingService) -> None:
    """Count a picture that has been looked at."""
    await billing.confirm(_whose(event), (_analysis(event),))


async def release_failed_analysis(event: AnalysisFailed, billing: BillingService) -> None:
    """Charge nothing for a picture of which nothing could be told."""
    await billing.release(_whose(event), (_analysis(event),))


async def take_in(event: PaymentsSpoke, billing: BillingService) -> None:
    """Look what the payment service has of a company that it has spoken of."""
    await billing.looked_at(event.tenant_id)


async def note_report(event: UsageRecorded, billing: BillingService) -> None:
    """Have the payment service told of what was used, where it is to be."""
    await billing.reporting.note(event)


def _whose(event: Event) -> Actor:
    return Actor.service(event.tenant_id)


def _scan(event: ScanCompleted | ScanFailed | ScanCancelled) -> Use:
    return Use(feature=Feature.OCR_SCANS, key=f"ocr:{event.scan_id}")


def _analysis(event: AnalysisCompleted | AnalysisFailed) -> Use:
    return Use(feature=Feature.VISION_ANALYSES, key=f"vision:{event.analysis_id}")
