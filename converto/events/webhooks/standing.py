"""How an endpoint has been doing, and what a failed attempt means for it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from converto.events.webhooks.interface import DisabledBecause
from converto.events.webhooks.schedule import break_s
from converto.events.webhooks.sender import Answer

GONE = 410
BUSY = (429, 503)
"""The answers whose `Retry-After` holds for the endpoint, not for one delivery."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an endpoint."""

    failures: int
    """Attempts that failed in a row."""
    failing_since: datetime | None
    paused_until: datetime | None
    disabled_at: datetime | None
    disabled_because: str | None


def after_failure(
    standing: Standing, answer: Answer, *, is_probe: bool, at: datetime, breaker_failures: int, disable_after: timedelta
) -> Standing:
    """Return how an endpoint stands after one more failed attempt; what was under way when it was left in peace says nothing new."""
    if answer.status_code == GONE:
        return _disabled(standing, DisabledBecause.GONE, at)
    if not is_probe and standing.paused_until is not None and standing.paused_until > at:
        return standing
    failing_since = standing.failing_since or at
    failed = replace(standing, failures=standing.failures + 1, failing_since=failing_since)
    peace_s = break_s(failed.failures, threshold=breaker_failures)
    if answer.status_code in BUSY and answer.retry_after_s is not None:
        peace_s = max(peace_s, answer.retry_after_s)
    if peace_s > 0 or is_probe:
        failed = replace(failed, paused_until=at + timedelta(seconds=peace_s))
    return _disabled(failed, DisabledBecause.FAILING, at) if at - failing_since >= disable_after else failed


def _disabled(standing: Standing, because: DisabledBecause, at: datetime) -> Standing:
    return standing if standing.disabled_at is not None else replace(standing, disabled_at=at, disabled_because=because)
