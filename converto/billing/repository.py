"""All SQL of plans and usage."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, delete, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from converto.billing.entitlements import Account, Override
from converto.billing.ledger import Counter, CounterKey, Entry, EventKey, Ledger, State
from converto.billing.models import AccountRow, CounterRow, OverrideRow, ReportRow, SeenRow, StripeEventRow, UsageRow
from converto.billing.periods import Period
from converto.billing.plans import Feature, Limit
from converto.billing.reducer import Known
from converto.billing.seen import SeenCharge, SeenInvoice, SeenSubscription
from converto.kernel.database import Database, changed, insert_into

_EVENT = ("tenant_id", "feature", "key")
_COUNTER = ("tenant_id", "feature", "period_start")


class Raced(Exception):
    """Another process has just counted under one of these keys: look again."""


class CountersMissing(Exception):
    """Some counters are not there yet: make them first, so that all can be locked in one order."""


class Accounts:
    """How companies stand with us."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant_id: UUID, *, lock: bool = False) -> AccountRow | None:
        """Return one company's, for a change where it is locked."""
        return await self._session.get(AccountRow, tenant_id, with_for_update=lock or None)

    async def of_customer(self, customer_id: str) -> AccountRow | None:
        """Return the account of a customer of the payment service."""
        return await self._session.scalar(select(AccountRow).where(AccountRow.customer_id == customer_id))

    async def paying(self) -> Sequence[UUID]:
        """Return the companies that the payment service knows."""
        wanted = select(AccountRow.tenant_id).where(AccountRow.customer_id.is_not(None)).order_by(AccountRow.tenant_id)
        return (await self._session.scalars(wanted)).all()

    async def open(self, tenant_ids: Iterable[UUID], *, at: datetime, trial_ends_at: datetime) -> None:
        """Open accounts; one that is open already stays as it is."""
        rows = [
            {"tenant_id": one, "opened_at": at, "trial_ends_at": trial_ends_at, "anchor": at, "version": 1, "sync_version": 0}
            for one in sorted(tenant_ids)
        ]
        await self._session.execute(insert_into(self._session, AccountRow).values(rows).on_conflict_do_nothing())

    async def known(self, tenant_ids: Collection[UUID]) -> Mapping[UUID, Account]:
        """Return what is known of companies, as far as their entitlements go."""
        overrides: dict[UUID, list[Override]] = {}
        for row in await self._session.scalars(select(OverrideRow).where(OverrideRow.tenant_id.in_(tenant_ids))):
            limit = Limit(row.limit_value, row.is_hard)
            overrides.setdefault(row.tenant_id, []).append(Override(Feature(row.feature), limit, row.since, row.until))
        rows = await self._session.scalars(select(AccountRow).where(AccountRow.tenant_id.in_(tenant_ids)))
        found = {row.tenant_id: account_of(row, overrides.get(row.tenant_id, ())) for row in rows}
        return {**{one: Account(overrides=agreed) for one, agreed in overrides.items()}, **found}

    async def agree(self, tenant_id: UUID, override: Override, *, reason: str) -> None:
        """Keep what was agreed with a company; for a feature the last word holds."""
        values = {
            "limit_value": override.limit.value,
            "is_hard": override.limit.is_hard,
            "since": override.since,
            "until": override.until,
            "reason": reason,
        }
        new = insert_into(self._session, OverrideRow).values(tenant_id=tenant_id, feature=override.feature.value, **values)
        await self._session.execute(new.on_conflict_do_update(index_elements=["tenant_id", "feature"], set_=values))
        await self._changed(tenant_id)

    async def overrides(self, tenant_id: UUID) -> Sequence[OverrideRow]:
        """Return what is agreed with a company."""
        wanted = select(OverrideRow).where(OverrideRow.tenant_id == tenant_id)
        return (await self._session.scalars(wanted.order_by(OverrideRow.feature))).all()

    async def withdraw(self, tenant_id: UUID, feature: Feature) -> bool:
        """Forget what was agreed with a company for a feature; False where nothing was."""
        gone = delete(OverrideRow).where(OverrideRow.tenant_id == tenant_id, OverrideRow.feature == feature.value)
        if await changed(self._session, gone) == 0:
            return False
        await self._changed(tenant_id)
        return True

    async def _changed(self, tenant_id: UUID) -> None:
        row = await self.get(tenant_id, lock=True)
        if row is not None:
            row.version += 1


def account_of(row: AccountRow, overrides: Sequence[Override] = ()) -> Account:
    """Return what a row says."""
    return Account(
        trial_ends_at=row.trial_ends_at,
        anchor=row.anchor,
        plan=row.plan,
        plan_version=row.plan_version,
        subscription_status=row.subscription_status,
        paid_until=row.paid_until,
        grace_until=row.grace_until,
        version=row.version,
        overrides=overrides,
    )


class DayUsed(NamedTuple):
    """What was used of a feature on a day."""

    feature: str
    day: date
    quantity: int


class Drift(NamedTuple):
    """A counter that says something else than the events."""

    tenant_id: UUID
    feature: str
    period_start: datetime
    counted: tuple[int, int]
    """Used and reserved, as the counter has it."""
    true: tuple[int, int]


class Usages:
    """The events of usage and their counters, of all tenants."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._database: Database = session.info["database"]

    async def ledger(self, keys: Collection[EventKey], counters: Collection[CounterKey]) -> Ledger:
        """Lock counters in the order of their keys, and return them with the events. Raises CountersMissing."""
        wanted = tuple_(CounterRow.tenant_id, CounterRow.feature, CounterRow.period_start).in_(sorted(counters))
        order = (CounterRow.tenant_id, CounterRow.feature, CounterRow.period_start)
        columns = (*order, CounterRow.used, CounterRow.reserved, CounterRow.warned)
        rows = (await self._session.execute(select(*columns).where(wanted).order_by(*order).with_for_update())).all()
        locked = {CounterKey(row[0], Feature(row[1]), row[2]): Counter(row[3], row[4], row[5]) for row in rows}
        if len(locked) < len(counters) and not self._database.is_sqlite:
            raise CountersMissing
        return Ledger(await self._entries(keys), locked)

    async def _entries(self, keys: Collection[EventKey]) -> dict[EventKey, Entry]:
        companies = {key.tenant_id for key in keys}
        if len(companies) == 1:  # as most batches are; three values for each key would be bound where one is enough
            given = {"tenant": companies.pop(), "features": list({key.feature for key in keys}), "keys": list({key.key for key in keys})}
            rows = await self._session.execute(_ENTRIES_OF_ONE, given)
        else:
            wanted = tuple_(UsageRow.tenant_id, UsageRow.feature, UsageRow.key).in_(list(keys))
            rows = await self._session.execute(_ENTRIES.where(wanted))
        # of one feature also what is under a key of another
        found = {
            EventKey(row.tenant_id, Feature(row.feature), row.key): Entry(
                State(row.state), row.quantity, Period(row.period_start, row.period_end), row.occurred_at, row.expires_at
            )
            for row in rows
        }
        return {key: entry for key, entry in found.items() if key in keys}

    async def make_counters(self, keys: Collection[CounterKey]) -> None:
        """Make the counters that are not there yet."""
        rows = [{**dict(zip(_COUNTER, key, strict=True)), "used": 0, "reserved": 0, "warned": 0} for key in sorted(keys)]
        await self._session.execute(insert_into(self._session, CounterRow).values(rows).on_conflict_do_nothing())

    async def write(self, ledger: Ledger) -> None:
        """Write what has changed. Raises Raced."""
        new = [_event_row(key, entry) for key, entry in ledger.entries.items() if entry.is_new]
        changed = [_event_row(key, entry) for key, entry in ledger.entries.items() if entry.is_changed and not entry.is_new]
        counters = [
            {**dict(zip(_COUNTER, key, strict=True)), "used": one.used, "reserved": one.reserved, "warned": one.warned}
            for key, one in sorted(ledger.counters.items())
            if one.is_changed
        ]
        if new:
            try:
                await self._session.execute(insert(UsageRow.__table__), new)  # type: ignore[arg-type] # a mapped class has a table
            except IntegrityError as error:
                raise Raced from error
        if changed:
            await self._upsert(UsageRow, _EVENT, changed)
        if counters:
            await self._upsert(CounterRow, _COUNTER, counters)

    async def _upsert(self, table: Any, key: Sequence[str], rows: list[dict[str, Any]]) -> None:
        put = insert_into(self._session, table).values(rows)
        others = {name: put.excluded[name] for name in rows[0] if name not in key}
        await self._session.execute(put.on_conflict_do_update(index_elements=list(key), set_=others))

    async def counted(self, tenant_id: UUID, starts: Collection[datetime]) -> Mapping[Feature, tuple[int, int]]:
        """Return what is used and held of each feature in a period."""
        wanted = select(CounterRow).where(CounterRow.tenant_id == tenant_id, CounterRow.period_start.in_(starts))
        return {Feature(row.feature): (row.used, row.reserved) for row in await self._session.scalars(wanted)}

    async def by_day(self, tenant_id: UUID, *, since: date, until: date, feature: str | None) -> Sequence[DayUsed]:
        """Return what was used by feature and day."""
        wanted = (
            select(UsageRow.feature, UsageRow.day, func.sum(UsageRow.quantity))
            .where(UsageRow.tenant_id == tenant_id, UsageRow.state == State.CONFIRMED.value, UsageRow.day.between(since, until))
            .group_by(UsageRow.feature, UsageRow.day)
            .order_by(UsageRow.feature, UsageRow.day)
        )
        if feature is not None:
            wanted = wanted.where(UsageRow.feature == feature)
        return [DayUsed(row[0], row[1], int(row[2])) for row in await self._session.execute(wanted)]

    async def expired(self, at: datetime, *, limit: int) -> Sequence[EventKey]:
        """Return the keys of what has been held for too long."""
        wanted = select(UsageRow.tenant_id, UsageRow.feature, UsageRow.key).where(UsageRow.expires_at <= at).limit(limit)
        return [EventKey(row[0], Feature(row[1]), row[2]) for row in await self._session.execute(wanted)]

    async def drift(self) -> Sequence[Drift]:
        """Return the counters that say something else than the events, as a database shows them at one moment."""
        keys = (UsageRow.tenant_id, UsageRow.feature, UsageRow.period_start)
        sums = [func.sum(case((UsageRow.state == state.value, UsageRow.quantity), else_=0)) for state in (State.CONFIRMED, State.RESERVED)]
        truth = {tuple(row[:3]): (int(row[3]), int(row[4])) for row in await self._session.execute(select(*keys, *sums).group_by(*keys))}
        counters = select(CounterRow.tenant_id, CounterRow.feature, CounterRow.period_start, CounterRow.used, CounterRow.reserved)
        found = {tuple(row[:3]): (row[3], row[4]) for row in await self._session.execute(counters)}
        return [
            Drift(key[0], key[1], key[2], counted=found.get(key, (0, 0)), true=truth.get(key, (0, 0)))
            for key in sorted({*truth, *found})
            if found.get(key, (0, 0)) != truth.get(key, (0, 0))
        ]

    async def counters(self) -> int:
        """Return how many counters there are."""
        return await self._session.scalar(select(func.count()).select_from(CounterRow)) or 0

    async def hold_still(self) -> None:
        """Keep everybody from counting until this transaction ends."""
        counters = (CounterRow.tenant_id, CounterRow.feature, CounterRow.period_start)
        await self._session.execute(select(*counters).order_by(*counters).with_for_update())

    async def repair(self, drift: Sequence[Drift]) -> None:
        """Make counters anew; call it in the transaction that found the drift, while nobody counts."""
        for one in drift:
            values = {"used": one.true[0], "reserved": one.true[1]}
            put = insert_into(self._session, CounterRow).values(
                tenant_id=one.tenant_id, feature=one.feature, period_start=one.period_start, warned=0, **values
            )
            await self._session.execute(put.on_conflict_do_update(index_elements=list(_COUNTER), set_=values))


_ENTRIES = select(
    UsageRow.tenant_id, UsageRow.feature, UsageRow.key, UsageRow.state, UsageRow.quantity, UsageRow.period_start, UsageRow.period_end,
    UsageRow.occurred_at, UsageRow.expires_at,
)  # fmt: skip
_ENTRIES_OF_ONE = _ENTRIES.where(
    UsageRow.tenant_id == bindparam("tenant"),
    UsageRow.feature.in_(bindparam("features", expanding=True)),
    UsageRow.key.in_(bindparam("keys", expanding=True)),
)


def _event_row(key: EventKey, entry: Entry) -> dict[str, Any]:
    return {
        **dict(zip(_EVENT, key, strict=True)),
        "state": entry.state.value,
        "quantity": entry.quantity,
        "period_start": entry.period.start,
        "period_end": entry.period.end,
        "occurred_at": entry.at,
        "day": entry.at.astimezone(UTC).date(),
        "expires_at": entry.expires_at,
    }


SUBSCRIPTION, INVOICE, CHARGE = "subscription", "invoice", "charge"


class Seens:
    """What the payment service had of a company when it was last looked at."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def known(self, tenant_id: UUID) -> Known:
        """Return everything that is known."""
        rows = (await self._session.scalars(select(SeenRow).where(SeenRow.tenant_id == tenant_id))).all()
        return Known(
            {row.id: SeenSubscription.model_validate(row.seen) for row in rows if row.kind == SUBSCRIPTION},
            {row.id: SeenInvoice.model_validate(row.seen) for row in rows if row.kind == INVOICE},
            {row.id: SeenCharge.model_validate(row.seen) for row in rows if row.kind == CHARGE},
        )

    async def write(self, tenant_id: UUID, before: Known, after: Known) -> int:
        """Keep what is new or has changed; returns how many that are."""
        rows = [
            {"tenant_id": tenant_id, "kind": kind, "id": id_, "created_at": one.created, "seen": one.model_dump(mode="json")}
            for kind, old, new in (
                (SUBSCRIPTION, before.subscriptions, after.subscriptions),
                (INVOICE, before.invoices, after.invoices),
                (CHARGE, before.charges, after.charges),
            )
            for id_, one in new.items()
            if old.get(id_) != one
        ]
        if rows:
            put = insert_into(self._session, SeenRow).values(rows)
            await self._session.execute(
                put.on_conflict_do_update(index_elements=["tenant_id", "kind", "id"], set_={"seen": put.excluded.seen})
            )
        return len(rows)

    async def newest(self, tenant_id: UUID, kind: str, *, limit: int) -> Sequence[dict[str, Any]]:
        """Return the newest of a kind."""
        wanted = select(SeenRow.seen).where(SeenRow.tenant_id == tenant_id, SeenRow.kind == kind)
        return (await self._session.scalars(wanted.order_by(SeenRow.created_at.desc(), SeenRow.id.desc()).limit(limit))).all()

    async def one(self, tenant_id: UUID, kind: str, id_: str) -> dict[str, Any] | None:
        """Return one of a kind."""
        row = await self._session.get(SeenRow, (tenant_id, kind, id_))
        return None if row is None else row.seen


class StripeEvents:
    """Webhooks as they came."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(self, **values: Any) -> bool:
        """Keep a webhook; False where it is there already."""
        new = insert_into(self._session, StripeEventRow).values(**values).on_conflict_do_nothing()
        return await changed(self._session, new) == 1

    async def handled(self, customer_id: str, *, received_before: datetime, at: datetime) -> None:
        """Mark what was received about a customer before somebody looked."""
        held = (StripeEventRow.customer_id == customer_id, StripeEventRow.handled_at.is_(None))
        done = update(StripeEventRow).where(*held, StripeEventRow.received_at <= received_before).values(handled_at=at)
        await changed(self._session, done)


class Reports:
    """What the payment service is to be told of usage."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, tenant_id: UUID, report_id: UUID, *, feature: str, quantity: int, used_at: datetime) -> None:
        """Have usage reported, once."""
        values = {"feature": feature, "quantity": quantity, "used_at": used_at}
        new = insert_into(self._session, ReportRow).values(tenant_id=tenant_id, id=report_id, **values)
        await self._session.execute(new.on_conflict_do_nothing())

    async def due(self, *, limit: int) -> Sequence[tuple[ReportRow, str]]:
        """Return what has to be reported, oldest first, with whose customer it is."""
        wanted = select(ReportRow, AccountRow.customer_id).join(AccountRow, AccountRow.tenant_id == ReportRow.tenant_id)
        wanted = wanted.where(ReportRow.sent_at.is_(None), AccountRow.customer_id.is_not(None)).order_by(ReportRow.id).limit(limit)
        return [(row, customer_id) for row, customer_id in await self._session.execute(wanted) if customer_id is not None]

    async def sent(self, tenant_id: UUID, report_id: UUID, *, at: datetime) -> None:
        """Mark what was reported."""
        done = update(ReportRow).where(ReportRow.tenant_id == tenant_id, ReportRow.id == report_id).values(sent_at=at)
        await changed(self._session, done)
