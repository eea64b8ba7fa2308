"""What a company may do: its plan as far as it is paid, and what was agreed with it beside that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from converto.billing.periods import CALENDAR
from converto.billing.plans import EVERYTHING, NOTHING, UNLIMITED, Feature, Limit, plan_version

HOLDS_UNHEARD: Final = timedelta(hours=72)
"""For so long after the end of a paid period the last known entitlements hold where the payment service has not been heard."""
OF_A_TRIAL: Final = "starter"


class Status(StrEnum):
    """How a company stands."""

    UNMETERED = "unmetered"
    """Nobody sells plans here."""
    GRANTED = "granted"
    """The installation gives every company one plan."""
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    """A payment has failed; for the days of grace everything goes on."""
    READ_ONLY = "read_only"
    """Nothing is paid: what is there can be read, and nothing is deleted."""


@dataclass(frozen=True, slots=True)
class Override:
    """What was agreed with one company for one feature, for a time."""

    feature: Feature
    limit: Limit
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of a company, as far as its entitlements go."""

    trial_ends_at: datetime | None = None
    anchor: datetime = CALENDAR
    plan: str | None = None
    plan_version: int | None = None
    subscription_status: str | None = None
    """As the payment service says."""
    paid_until: datetime | None = None
    grace_until: datetime | None = None
    version: int = 0
    overrides: Sequence[Override] = field(default=())


@dataclass(frozen=True, slots=True)
class Granted:
    """What holds for a company at a moment."""

    plan: str
    status: Status
    limits: Mapping[Feature, Limit]
    anchor: datetime
    version: int = 0


def granted(account: Account, at: datetime) -> Granted:
    """Return what a company may do at a moment where plans are sold."""
    plan, status = _standing(account, at)
    limits = NOTHING if status is Status.READ_ONLY else plan_version(plan, account.plan_version if plan == account.plan else None).limits
    return Granted(plan, status, _with(limits, account.overrides, at), account.anchor, account.version)


def granted_by_default(plan: str, account: Account, at: datetime) -> Granted:
    """Return what a company may do where the installation gives every one the same plan."""
    if plan == UNLIMITED:
        return Granted(plan, Status.UNMETERED, EVERYTHING, account.anchor, account.version)
    return Granted(plan, Status.GRANTED, _with(plan_version(plan).limits, account.overrides, at), account.anchor, account.version)


def _standing(account: Account, at: datetime) -> tuple[str, Status]:
    plan = account.plan or OF_A_TRIAL
    match account.subscription_status:
        case "active" | "trialing" if account.paid_until is None or at < account.paid_until + HOLDS_UNHEARD:
            return plan, Status.ACTIVE if account.subscription_status == "active" else Status.TRIALING
        case "past_due" if account.grace_until is not None and at < account.grace_until:
            return plan, Status.PAST_DUE
        case None if account.trial_ends_at is not None and at < account.trial_ends_at:
            return OF_A_TRIAL, Status.TRIALING
        case _:
            return plan, Status.READ_ONLY


def _with(limits: Mapping[Feature, Limit], overrides: Sequence[Override], at: datetime) -> Mapping[Feature, Limit]:
    agreed = {one.feature: one.limit for one in overrides if one.since <= at and (one.until is None or at < one.until)}
    return MappingProxyType({**limits, **agreed}) if agreed else limits
