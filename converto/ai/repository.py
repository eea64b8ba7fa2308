"""All SQL of this module."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

import msgspec
from sqlalchemy import Table, and_, bindparam, case, delete, func, insert, null, select, tuple_, update

from converto.ai.accounts import Account, Hold, Standing
from converto.ai.models import (
    Base,
    BudgetRow,
    CallRow,
    ContentRow,
    FeedbackRow,
    OptionsRow,
    PriceRow,
    ReservationRow,
    SpendingRow,
    TemplateRow,
)
from converto.kernel.database import Transaction, changed, insert_into


def _table(row: type[Base]) -> Table:
    return cast("Table", row.__table__)


_SPENDING, _BUDGET, _RESERVATION, _CALL = (_table(row) for row in (SpendingRow, BudgetRow, ReservationRow, CallRow))
_ACCOUNT = (_SPENDING.c.tenant_id, _SPENDING.c.subject, _SPENDING.c.period)
# made once: to put a statement together takes longer than to have it worked off
_STANDINGS = (
    select(*_ACCOUNT, _SPENDING.c.spent_nano, _SPENDING.c.reserved_nano, _SPENDING.c.told, _BUDGET.c.soft_nano, _BUDGET.c.hard_nano)
    .outerjoin_from(_SPENDING, _BUDGET, and_(_BUDGET.c.tenant_id == _SPENDING.c.tenant_id, _BUDGET.c.subject == _SPENDING.c.subject))
    .where(tuple_(*_ACCOUNT).in_(bindparam("accounts", expanding=True)))
    .order_by(*_ACCOUNT)  # so that two processes never wait for one another
    .with_for_update(of=_SPENDING)
)
_UPDATE_SPENDING = (
    update(_SPENDING)
    .where(*(column == bindparam(f"a_{column.name}") for column in _ACCOUNT))
    .values(spent_nano=bindparam("a_spent"), reserved_nano=bindparam("a_reserved"), told=bindparam("a_told"))
)
_RELEASE = (
    delete(_RESERVATION)
    .where(tuple_(_RESERVATION.c.tenant_id, _RESERVATION.c.id).in_(bindparam("keys", expanding=True)))
    .returning(_RESERVATION.c.id, _RESERVATION.c.amount_nano)
)
_HOLD, _ENTER = insert(_RESERVATION), insert(_CALL)
DIMENSIONS = {"day": CallRow.day, "model": CallRow.model, "member": CallRow.user_id, "api_key": CallRow.api_key_id}


class Sums(NamedTuple):
    """What some calls took together."""

    key: Mapping[str, Any]
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_nano: int
    estimated_calls: int


class Books:
    """What is spent and reserved, of all tenants: whoever writes it works off a queue."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def standings(self, wanted: Sequence[Account]) -> dict[Account, Standing]:
        """Return how accounts stand, held against everybody else until the transaction ends; missing ones are opened."""
        found = await self._read(wanted)
        missing = [account for account in wanted if account not in found]
        if missing:
            rows = [
                {"tenant_id": a.tenant_id, "subject": a.subject, "period": a.period, "spent_nano": 0, "reserved_nano": 0, "told": 0}
                for a in missing
            ]
            await self._session.execute(insert_into(self._session, SpendingRow).values(rows).on_conflict_do_nothing())
            found |= await self._read(missing)
        return found

    async def _read(self, wanted: Sequence[Account]) -> dict[Account, Standing]:
        accounts = [(account.tenant_id, account.subject, account.period) for account in wanted]
        connection = await self._session.connection()
        return {Account(*row[:3]): Standing(*row[3:]) for row in await connection.execute(_STANDINGS, {"accounts": accounts})}

    async def write(self, standings: Mapping[Account, Standing]) -> None:
        """Keep how accounts stand now."""
        connection = await self._session.connection()
        values = [
            {
                "a_tenant_id": account.tenant_id,
                "a_subject": account.subject,
                "a_period": account.period,
                "a_spent": standing.spent,
                "a_reserved": standing.reserved,
                "a_told": standing.told,
            }
            for account, standing in standings.items()
        ]
        await connection.execute(_UPDATE_SPENDING, values)

    async def hold(self, holds: Sequence[Hold], *, holder: UUID, until: datetime) -> None:
        """Keep reservations."""
        rows = [
            {
                "tenant_id": hold.tenant_id,
                "id": hold.id,
                "holder": holder,
                "until": until,
                "amount_nano": hold.amount,
                "call": msgspec.to_builtins(hold),
            }
            for hold in holds
        ]
        await (await self._session.connection()).execute(_HOLD, rows)

    async def release(self, holds: Sequence[Hold]) -> dict[UUID, int]:
        """Take reservations away; returns what each had kept back, and nothing of those that were gone."""
        keys = [(hold.tenant_id, hold.id) for hold in holds]
        rows = await (await self._session.connection()).execute(_RELEASE, {"keys": keys})
        return {row.id: row.amount_nano for row in rows}

    async def forget_lost(self, holds: Sequence[Hold]) -> dict[UUID, int]:
        """Take entries away that said a call was lost, for it was not; returns what each had cost."""
        keys = [(hold.tenant_id, hold.id) for hold in holds]
        lost = (tuple_(CallRow.tenant_id, CallRow.id).in_(keys), CallRow.outcome == "lost")
        gone = delete(CallRow).where(*lost).returning(CallRow.id, CallRow.cost_nano)
        rows = await self._session.execute(gone, execution_options={"synchronize_session": False})
        return {row.id: row.cost_nano for row in rows}

    async def enter(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write entries of the ledger."""
        await (await self._session.connection()).execute(_ENTER, list(rows))

    async def alive(self, holder: UUID, until: datetime) -> None:
        """Say that a process lives, and what it has reserved is still to be reserved."""
        await changed(self._session, update(ReservationRow).where(ReservationRow.holder == holder).values(until=until))

    async def lapsed(self, moment: datetime, *, limit: int) -> list[Hold]:
        """Return what processes that have died had reserved."""
        query = select(ReservationRow.call).where(ReservationRow.until < moment).order_by(ReservationRow.until).limit(limit)
        return [msgspec.convert(call, Hold) for call in await self._session.scalars(query)]


class Budgeting:
    """What may be spent."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def of(self, tenant_id: UUID) -> dict[str, tuple[int | None, int | None]]:
        """Return the soft and the hard limit by subject."""
        query = select(BudgetRow.subject, BudgetRow.soft_nano, BudgetRow.hard_nano).where(BudgetRow.tenant_id == tenant_id)
        return {row.subject: (row.soft_nano, row.hard_nano) for row in await self._session.execute(query.limit(10_000))}

    async def spending(self, tenant_id: UUID, period: str) -> dict[str, Standing]:
        """Return what was spent in a month by subject."""
        query = select(SpendingRow).where(SpendingRow.tenant_id == tenant_id, SpendingRow.period == period)
        rows = await self._session.scalars(query.limit(10_000))
        return {row.subject: Standing(row.spent_nano, row.reserved_nano, row.told) for row in rows}

    async def set(self, tenant_id: UUID, subject: str, *, soft: int | None, hard: int | None, period: str) -> None:
        """Say what may be spent; what was told of the limits before says nothing of these."""
        values = {"soft_nano": soft, "hard_nano": hard}
        new = insert_into(self._session, BudgetRow).values(tenant_id=tenant_id, subject=subject, **values)
        await self._session.execute(new.on_conflict_do_update(index_elements=["tenant_id", "subject"], set_=values))
        this = (SpendingRow.tenant_id == tenant_id, SpendingRow.subject == subject, SpendingRow.period == period)
        await changed(self._session, update(SpendingRow).where(*this).values(told=0))


class Calls:
    """The ledger, as one company sees it."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def sums(self, tenant_id: UUID, since: date, *, until: date, by: Sequence[str]) -> list[Sums]:
        """Return what calls took, in groups."""
        groups: list[Any] = [DIMENSIONS[name] for name in by]
        estimated = func.sum(case((CallRow.usage_source == "estimated", 1), else_=0))
        counted = (CallRow.prompt_tokens, CallRow.completion_tokens, CallRow.cached_tokens, CallRow.cost_nano)
        query = (
            select(*(groups or [null()]), func.count(), *(func.sum(column) for column in counted), estimated)
            .where(CallRow.tenant_id == tenant_id, CallRow.day >= since, CallRow.day <= until)
            .group_by(*groups)
            .order_by(*groups)
            .limit(10_000)
        )
        width: int = max(1, len(groups))
        rows: Any = await self._session.execute(query)
        return [Sums(dict(zip(by, row[:width], strict=False)), *(int(value or 0) for value in row[width:])) for row in rows]

    async def page(self, tenant_id: UUID, *, limit: int, after: UUID | None) -> Sequence[CallRow]:
        """Return up to `limit` calls, newest first, that come after the given one."""
        query = select(CallRow).where(CallRow.tenant_id == tenant_id)
        if after is not None:
            query = query.where(CallRow.id < after)
        return (await self._session.scalars(query.order_by(CallRow.id.desc()).limit(limit))).all()

    async def model_of(self, tenant_id: UUID, completion_id: UUID) -> str | None:
        """Return the model that gave an answer."""
        mine = (CallRow.tenant_id == tenant_id, CallRow.completion_id == completion_id, CallRow.outcome == "ok")
        return await self._session.scalar(select(CallRow.model).where(*mine).limit(1))


class Wishes:
    """What a company has set, written and said."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def options(self, tenant_id: UUID) -> dict[str, Any] | None:
        """Return how it wants models to be asked."""
        return await self._session.scalar(select(OptionsRow.options).where(OptionsRow.tenant_id == tenant_id))

    async def set_options(self, tenant_id: UUID, options: Mapping[str, Any]) -> None:
        """Say how it wants models to be asked."""
        new = insert_into(self._session, OptionsRow).values(tenant_id=tenant_id, options=dict(options))
        await self._session.execute(new.on_conflict_do_update(index_elements=["tenant_id"], set_={"options": dict(options)}))

    async def template(self, tenant_id: UUID, name: str, version: int | None) -> TemplateRow | None:
        """Return a template, the newest version where none is named."""
        query = select(TemplateRow).where(TemplateRow.tenant_id == tenant_id, TemplateRow.name == name)
        if version is not None:
            query = query.where(TemplateRow.version == version)
        return (await self._session.scalars(query.order_by(TemplateRow.version.desc()).limit(1))).first()

    async def templates(self, tenant_id: UUID) -> Sequence[TemplateRow]:
        """Return the newest version of each template."""
        newest = (
            select(TemplateRow.name, func.max(TemplateRow.version).label("version"))
            .where(TemplateRow.tenant_id == tenant_id)
            .group_by(TemplateRow.name)
            .subquery()
        )
        mine = and_(TemplateRow.name == newest.c.name, TemplateRow.version == newest.c.version)
        query = select(TemplateRow).join(newest, mine).where(TemplateRow.tenant_id == tenant_id).order_by(TemplateRow.name).limit(1000)
        return (await self._session.scalars(query)).all()

    async def add_template(self, row: TemplateRow) -> bool:
        """Keep a version of a template; returns whether it was not there already."""
        values = {column.name: getattr(row, column.name) for column in TemplateRow.__table__.columns}
        new = insert_into(self._session, TemplateRow).values(values).on_conflict_do_nothing()
        return await changed(self._session, new) == 1

    async def keep(self, tenant_id: UUID, completion_id: UUID, *, at: datetime, request: Mapping[str, Any], answer: str) -> None:
        """Keep what was asked and answered."""
        self._session.add(ContentRow(tenant_id=tenant_id, completion_id=completion_id, at=at, request=dict(request), answer=answer))
        await self._session.flush()

    async def content(self, tenant_id: UUID, completion_id: UUID) -> ContentRow | None:
        """Return what was asked and answered."""
        return await self._session.get(ContentRow, (tenant_id, completion_id))

    async def forget_content(self, before: datetime) -> int:
        """Remove what was kept for long enough; returns how much."""
        return await changed(self._session, delete(ContentRow).where(ContentRow.at < before))

    async def give_feedback(self, tenant_id: UUID, completion_id: UUID, *, model: str, score: float, at: datetime) -> None:
        """Say how good an answer was."""
        values = {"model": model, "score": score, "at": at}
        new = insert_into(self._session, FeedbackRow).values(tenant_id=tenant_id, completion_id=completion_id, **values)
        await self._session.execute(new.on_conflict_do_update(index_elements=["tenant_id", "completion_id"], set_=values))

    async def feedback(self, tenant_id: UUID) -> dict[str, tuple[int, float]]:
        """Return by model how many answers were judged, and the sum of the judgements."""
        query = select(FeedbackRow.model, func.count(), func.sum(FeedbackRow.score)).where(FeedbackRow.tenant_id == tenant_id)
        return {row[0]: (int(row[1]), float(row[2])) for row in await self._session.execute(query.group_by(FeedbackRow.model))}


class PriceTable:
    """What versions of litellm's table say."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def take_in(self, version: str, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep entries of a version; what is there already stays as it is."""
        rows = [{"version": version, "model": model, "entry": dict(entry)} for model, entry in entries.items()]
        if rows:
            await self._session.execute(insert_into(self._session, PriceRow).values(rows).on_conflict_do_nothing())

    async def of(self, version: str, models: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the entries of a version."""
        query = select(PriceRow.model, PriceRow.entry).where(PriceRow.version == version, PriceRow.model.in_(models))
        return {row.model: row.entry for row in await self._session.execute(query)}
