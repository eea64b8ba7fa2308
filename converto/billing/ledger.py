"""Deciding what is counted: a batch of requests, in order, against the events and counters that are there. No database is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from converto.billing.entitlements import Granted
from converto.billing.interface import KeyReused
from converto.billing.periods import Period, period_of
from converto.billing.plans import Feature, cheapest_with
from converto.kernel.errors import Error
from converto.kernel.paid_work import LimitReached, Use

RESERVED_FOR = timedelta(hours=24)
"""What is neither confirmed nor released until then is free again."""
WARNED_AT = (80, 100)
"""The shares of a limit, in per cent, that are told."""
CORRECTION = "correction:"


class Act(StrEnum):
    """What is asked for."""

    RECORD = "record"
    RESERVE = "reserve"
    CONFIRM = "confirm"
    RELEASE = "release"
    EXPIRE = "expire"
    CORRECT = "correct"
    """Count what is under a key back, by an entry of its own in the same period."""


class State(StrEnum):
    """How an event of usage stands."""

    RESERVED = "reserved"
    CONFIRMED = "confirmed"
    RELEASED = "released"


class EventKey(NamedTuple):
    """What makes an event of usage one of a kind."""

    tenant_id: UUID
    feature: Feature
    key: str


class CounterKey(NamedTuple):
    """What is counted together; such keys are locked in their order."""

    tenant_id: UUID
    feature: Feature
    start: datetime


@dataclass(slots=True)
class Entry:
    """An event of usage: the truth that counters are made from."""

    state: State
    quantity: int
    period: Period
    at: datetime
    expires_at: datetime | None = None
    is_new: bool = False
    is_changed: bool = False


@dataclass(slots=True)
class Counter:
    """How much is used and held in a period."""

    used: int = 0
    reserved: int = 0
    warned: int = 0
    """The highest share of the limit that has been told."""
    recorded: int = 0
    """What this batch has added to the used."""
    crossed: list[int] = field(default_factory=list)
    """The shares that this batch has crossed."""
    end: datetime | None = None
    limit: int | None = None
    is_changed: bool = False


class Asked(NamedTuple):
    """One request of a batch."""

    tenant_id: UUID
    act: Act
    uses: tuple[Use, ...]
    at: datetime
    """When the work was done."""
    now: datetime
    """When it is counted."""

    def events(self) -> list[EventKey]:
        """Return the keys of the events that this is about."""
        keys = [EventKey(self.tenant_id, Feature(use.feature), use.key) for use in self.uses]
        if self.act is Act.CORRECT:
            keys += [key._replace(key=CORRECTION + key.key) for key in keys]
        return keys


class Counted(NamedTuple):
    """How a counter stands after a request."""

    feature: Feature
    used: int
    reserved: int
    limit: int | None
    period: Period


@dataclass(slots=True)
class Ledger:
    """The events and counters that a batch is decided against; what it changes is marked."""

    entries: dict[EventKey, Entry]
    counters: dict[CounterKey, Counter]

    def decide(self, asked: Asked, granted: Granted) -> list[Counted]:
        """Count one request, all of it or nothing. Raises LimitReached, KeyReused."""
        current = period_of(granted.anchor, asked.at)
        if asked.act in {Act.RECORD, Act.RESERVE}:
            self._refuse(asked, granted, current)
        return [self._apply(asked, use, granted, current) for use in asked.uses]

    def _refuse(self, asked: Asked, granted: Granted, current: Period) -> None:
        """Refuse what does not fit. Raises LimitReached, KeyReused."""
        wanted: dict[Feature, int] = {}
        for use in asked.uses:
            feature = Feature(use.feature)
            entry = self.entries.get(EventKey(asked.tenant_id, feature, use.key))
            if entry is None or entry.state is State.RELEASED:
                wanted[feature] = wanted.get(feature, 0) + use.quantity
            elif asked.act is Act.RECORD and entry.quantity != use.quantity:
                raise KeyReused(key=use.key)
        for feature, quantity in wanted.items():
            limit = granted.limits[feature]
            counter = self.counters.get(CounterKey(asked.tenant_id, feature, current.start), Counter())
            if limit.is_hard and limit.value is not None and counter.used + counter.reserved + quantity > limit.value:
                needed = counter.used + counter.reserved + quantity
                raise refusal(feature, granted, used=counter.used, needed=needed, period=current, at=asked.now)

    def _apply(self, asked: Asked, use: Use, granted: Granted, current: Period) -> Counted:
        key = EventKey(asked.tenant_id, Feature(use.feature), use.key)
        entry = self.entries.get(key)
        match asked.act:
            case Act.RECORD | Act.CONFIRM:
                entry = self._confirm(key, entry, use, asked, current)
            case Act.RESERVE:
                entry = self._reserve(key, entry, use, asked, current)
            case Act.RELEASE | Act.EXPIRE:
                self._release(key, entry, asked)
            case Act.CORRECT:
                self._correct(key, entry, asked)
        period = current if entry is None else entry.period
        counter = self._counter(key, period)
        limit = granted.limits[key.feature].value
        counter.end, counter.limit = period.end, limit
        self._warn(counter, limit)
        return Counted(key.feature, counter.used, counter.reserved, limit, period)

    def _confirm(self, key: EventKey, entry: Entry | None, use: Use, asked: Asked, current: Period) -> Entry:
        if entry is not None and entry.state is State.CONFIRMED:
            return entry
        if entry is None or entry.state is State.RELEASED:
            entry = self._put(key, entry, Entry(State.CONFIRMED, use.quantity, current, asked.at))
        else:
            held = self._counter(key, entry.period)
            held.reserved -= entry.quantity
            held.is_changed = entry.is_changed = True
            entry.state, entry.quantity, entry.at, entry.expires_at = State.CONFIRMED, use.quantity, asked.at, None
        self._add(key, entry.period, entry.quantity)
        return entry

    def _reserve(self, key: EventKey, entry: Entry | None, use: Use, asked: Asked, current: Period) -> Entry:
        if entry is not None and entry.state is not State.RELEASED:
            return entry
        entry = self._put(key, entry, Entry(State.RESERVED, use.quantity, current, asked.at, asked.now + RESERVED_FOR))
        counter = self._counter(key, current)
        counter.reserved += use.quantity
        counter.is_changed = True
        return entry

    def _release(self, key: EventKey, entry: Entry | None, asked: Asked) -> None:
        if entry is None or entry.state is not State.RESERVED:
            return
        if asked.act is Act.EXPIRE and (entry.expires_at is None or entry.expires_at > asked.now):
            return
        counter = self._counter(key, entry.period)
        counter.reserved -= entry.quantity
        counter.is_changed = entry.is_changed = True
        entry.state, entry.expires_at = State.RELEASED, None

    def _correct(self, key: EventKey, entry: Entry | None, asked: Asked) -> None:
        back = key._replace(key=CORRECTION + key.key)
        if entry is None or entry.state is not State.CONFIRMED or back in self.entries:
            return
        self._put(back, None, Entry(State.CONFIRMED, -entry.quantity, entry.period, asked.at))
        self._add(key, entry.period, -entry.quantity)

    def _put(self, key: EventKey, old: Entry | None, entry: Entry) -> Entry:
        entry.is_new = old is None or old.is_new
        entry.is_changed = not entry.is_new
        self.entries[key] = entry
        return entry

    def _add(self, key: EventKey, period: Period, quantity: int) -> None:
        counter = self._counter(key, period)
        counter.used += quantity
        counter.recorded += quantity
        counter.is_changed = True

    def _counter(self, key: EventKey, period: Period) -> Counter:
        return self.counters.setdefault(CounterKey(key.tenant_id, key.feature, period.start), Counter())

    def _warn(self, counter: Counter, limit: int | None) -> None:
        if not limit:
            return
        for share in WARNED_AT:
            if counter.warned < share and counter.used * 100 >= limit * share:
                counter.warned = share
                counter.crossed.append(share)
                counter.is_changed = True


def refusal(feature: Feature, granted: Granted, *, used: int, needed: int, period: Period | None, at: datetime) -> LimitReached:
    """Return what somebody is told who wants more than the plan holds."""
    return LimitReached(
        feature=feature.value,
        plan=granted.plan,
        used=used,
        limit=granted.limits[feature].value,
        resets_at=None if period is None else period.end,
        upgrade_to=cheapest_with(feature, needed, on=at.date()),
    )


Decided = list[Counted] | Error
"""What became of one request."""
Grants = Mapping[UUID, Granted]
