"""The catalogue: which plans there are, since when, what they cost and what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

MICROS_PER_EURO: Final = 1_000_000


class Feature(StrEnum):
    """What a plan holds."""

    OCR_SCANS = "ocr_scans_per_month"
    VISION_ANALYSES = "vision_analyses_per_month"
    AI_TOKENS = "ai_tokens_per_month"
    AI_SPEND = "ai_spend_per_month"
    """In millionths of a euro, for one call may cost less than a cent."""
    API_ACCESS = "api_access"
    ANALYTICS = "analytics"
    SEATS = "seats"
    WEBHOOKS = "webhooks"


MONTHLY: Final = frozenset({Feature.OCR_SCANS, Feature.VISION_ANALYSES, Feature.AI_TOKENS, Feature.AI_SPEND})
"""What is counted anew in each period; of the others a plan allows a level, and 0 is none."""


class Interval(StrEnum):
    """How often a plan is paid."""

    MONTH = "month"
    YEAR = "year"


class Limit(NamedTuple):
    """How much of a feature a plan holds."""

    value: int | None
    """None is without end."""
    is_hard: bool = True
    """Whether what is beyond is refused; a soft limit only tells."""


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A plan as it is sold from a day on; who has bought an earlier version keeps it."""

    name: str
    title: str
    version: int
    since: date
    cents: Mapping[Interval, int]
    limits: Mapping[Feature, Limit]


def _limits(
    scans: int, analyses: int, tokens: int, euros: int, *, levels: tuple[int, int, int | None, int | None]
) -> Mapping[Feature, Limit]:
    api, analytics, seats, webhooks = levels
    return MappingProxyType(
        {
            Feature.OCR_SCANS: Limit(scans),
            Feature.VISION_ANALYSES: Limit(analyses),
            Feature.AI_TOKENS: Limit(tokens),
            Feature.AI_SPEND: Limit(euros * MICROS_PER_EURO),
            Feature.API_ACCESS: Limit(api),
            Feature.ANALYTICS: Limit(analytics),
            Feature.SEATS: Limit(seats),
            Feature.WEBHOOKS: Limit(webhooks),
        }
    )


SINCE = date(2026, 1, 1)
CATALOGUE: Final[Sequence[PlanVersion]] = (
    PlanVersion(
        name="starter",
        title="Starter",
        version=1,
        since=SINCE,
        cents=MappingProxyType({Interval.MONTH: 2_900, Interval.YEAR: 29_000}),
        limits=_limits(500, 100, 500_000, 10, levels=(0, 0, 3, 1)),
    ),
    PlanVersion(
        name="professional",
        title="Professional",
        version=1,
        since=SINCE,
        cents=MappingProxyType({Interval.MONTH: 9_900, Interval.YEAR: 99_000}),
        limits=_limits(5_000, 1_000, 5_000_000, 50, levels=(1, 1, 15, 10)),
    ),
    PlanVersion(
        name="enterprise",
        title="Enterprise",
        version=1,
        since=SINCE,
        cents=MappingProxyType({Interval.MONTH: 29_900, Interval.YEAR: 299_000}),
        limits=_limits(50_000, 10_000, 50_000_000, 250, levels=(1, 1, None, None)),
    ),
)
TRIAL: Final = "trial"
"""Instead of a plan: the starter's limits for the days of the trial, and then nothing."""
UNLIMITED: Final = "unlimited"
"""Instead of a plan: everything without end, where nobody sells any."""
NOTHING: Final[Mapping[Feature, Limit]] = MappingProxyType(dict.fromkeys(Feature, Limit(0)))
EVERYTHING: Final[Mapping[Feature, Limit]] = MappingProxyType(dict.fromkeys(Feature, Limit(None, is_hard=False)))


def on_sale(on: date) -> Sequence[PlanVersion]:
    """Return the plans that are sold on a day, the cheapest first."""
    newest = {plan.name: plan for plan in sorted(CATALOGUE, key=lambda plan: plan.version) if plan.since <= on}
    return sorted(newest.values(), key=lambda plan: plan.cents[Interval.MONTH])


def plan_version(name: str, version: int | None = None) -> PlanVersion:
    """Return a plan as it was sold in a version, or in the newest. Raises KeyError."""
    found = [plan for plan in CATALOGUE if plan.name == name and version in {None, plan.version}]
    if not found:
        raise KeyError(name)
    return max(found, key=lambda plan: plan.version)


def cheapest_with(feature: Feature, needed: int, *, on: date) -> str | None:
    """Return the cheapest plan on sale that holds so much of a feature; None where none does."""
    for plan in on_sale(on):
        limit = plan.limits[feature].value
        if limit is None or limit >= needed:
            return plan.name
    return None
