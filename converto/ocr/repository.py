"""All SQL of the reader."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Select, and_, cast, column, delete, false, func, insert, literal, or_, select, table, text, update
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from converto.kernel.database import Database, changed, insert_into
from converto.ocr.interface import ScanFilter
from converto.ocr.models import BatchRow, FieldChangeRow, OptionsRow, PageWordsRow, ScanRow, SearchRow, SellerHintRow
from converto.ocr.search import terms, texts_of, word_of_tenant, words_of

_RANDOM_BITS = 2**62 - 1
"""Of a UUIDv7, the last."""


class Standing(NamedTuple):
    """How far a scan is."""

    status: str
    pages_read: int
    pages: int | None
    revision: int
    error_code: str | None
    error_detail: str | None


class Scans:
    """The scans of a tenant."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: ScanRow) -> bool:
        """Keep a new scan; False when its idempotency key is taken, which of two at once only the unique key can tell."""
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True

    async def get(self, tenant_id: UUID, scan_id: UUID) -> ScanRow | None:
        """Return one scan."""
        return await self._session.get(ScanRow, (tenant_id, scan_id))

    async def lock(self, tenant_id: UUID, scan_id: UUID) -> ScanRow | None:
        """Return one scan for a change: nobody else changes it before this transaction ends."""
        return await self._session.get(ScanRow, (tenant_id, scan_id), with_for_update=True)

    async def standing(self, tenant_id: UUID, scan_id: UUID) -> Standing | None:
        """Return how far one scan is, without what was read."""
        wanted = select(*(getattr(ScanRow, name) for name in Standing._fields))
        row = (await self._session.execute(wanted.where(ScanRow.tenant_id == tenant_id, ScanRow.id == scan_id))).one_or_none()
        return None if row is None else Standing._make(row)

    async def note_pages(self, tenant_id: UUID, scan_id: UUID, *, reader_id: UUID, pages_read: int) -> bool:
        """Note how far its reader is; False when that one does not read it any more."""
        held = (ScanRow.tenant_id == tenant_id, ScanRow.id == scan_id, ScanRow.reader_id == reader_id)
        noted = update(ScanRow).where(*held).values(pages_read=pages_read, revision=ScanRow.revision + 1)
        return await changed(self._session, noted) == 1

    async def with_key(self, tenant_id: UUID, idempotency_key: str) -> ScanRow | None:
        """Return the scan that was made under an idempotency key."""
        wanted = select(ScanRow).where(ScanRow.tenant_id == tenant_id, ScanRow.idempotency_key == idempotency_key)
        return await self._session.scalar(wanted)

    async def first_with_content(self, tenant_id: UUID, sha256: str) -> UUID | None:
        """Return the earliest scan of the same bytes."""
        wanted = select(ScanRow.id).where(ScanRow.tenant_id == tenant_id, ScanRow.sha256 == sha256)
        return await self._session.scalar(wanted.order_by(ScanRow.id).limit(1))

    async def add_all(self, rows: Sequence[ScanRow]) -> None:
        """Keep new scans, none of which has an idempotency key."""
        self._session.add_all(rows)
        await self._session.flush()

    async def firsts_with_contents(self, tenant_id: UUID, sha256s: Collection[str]) -> dict[str, UUID]:
        """Return the earliest scan of each of these contents that has one."""
        wanted = select(ScanRow.sha256, ScanRow.id).where(ScanRow.tenant_id == tenant_id, ScanRow.sha256.in_(sha256s))
        return {row.sha256: row.id for row in await self._session.execute(wanted.order_by(ScanRow.id.desc()))}

    async def earlier_reading(self, row: ScanRow) -> tuple[dict[str, Any], bytes] | None:
        """Return what was read from the same bytes in the same way for the same tenant, and its words."""
        same = (getattr(ScanRow, name) == getattr(row, name) for name in ("tenant_id", "sha256", "languages", "read_as"))
        its_own = and_(PageWordsRow.tenant_id == ScanRow.tenant_id, PageWordsRow.scan_id == ScanRow.id)
        wanted = select(ScanRow.reading, PageWordsRow.words).join(PageWordsRow, its_own)
        wanted = wanted.where(*same, ScanRow.id != row.id, ScanRow.reading.is_not(None))
        found = (await self._session.execute(wanted.order_by(ScanRow.id).limit(1))).one_or_none()
        return None if found is None or found.reading is None else (found.reading, found.words)

    async def keep_words(self, tenant_id: UUID, scan_id: UUID, words: bytes) -> None:
        """Keep the words of a reading, in place of those of the one before."""
        new = insert_into(self._session, PageWordsRow).values(tenant_id=tenant_id, scan_id=scan_id, words=words)
        await self._session.execute(new.on_conflict_do_update(index_elements=["tenant_id", "scan_id"], set_={"words": words}))

    async def words(self, tenant_id: UUID, scan_id: UUID) -> bytes | None:
        """Return the words of a reading; None where it is older than they are."""
        row = await self._session.get(PageWordsRow, (tenant_id, scan_id))
        return None if row is None else row.words

    async def near(self, row: ScanRow, *, cents: int, time: timedelta) -> UUID | None:
        """Return the earliest scan before this one, of other bytes, with its seller, and with nearly its total and day."""
        if row.document_date is None or row.total_cents is None:
            return None
        is_of_seller = and_(ScanRow.seller_name == row.seller_name, or_(ScanRow.seller_id.is_(None), literal(row.seller_id is None)))
        wanted = select(ScanRow.id).where(
            ScanRow.tenant_id == row.tenant_id,
            ScanRow.document_date.between(row.document_date - time, row.document_date + time),
            ScanRow.total_cents.between(row.total_cents - cents, row.total_cents + cents),
            ScanRow.total_currency == row.total_currency,
            or_(ScanRow.seller_id == row.seller_id, is_of_seller),
            ScanRow.sha256 != row.sha256,
            ScanRow.id < row.id,
        )
        return await self._session.scalar(wanted.order_by(ScanRow.id).limit(1))

    async def page(self, tenant_id: UUID, wanted: ScanFilter, *, limit: int, after: UUID | None) -> Sequence[ScanRow]:
        """Return up to `limit` scans, newest first, that come after the given one."""
        query = self._matching(tenant_id, wanted)
        if after is not None:
            query = query.where(ScanRow.id < after)
        return (await self._session.scalars(query.order_by(ScanRow.id.desc()).limit(limit))).all()

    def _matching(self, tenant_id: UUID, wanted: ScanFilter) -> Select[ScanRow]:
        query = select(ScanRow).where(ScanRow.tenant_id == tenant_id)
        if wanted.status is not None:
            query = query.where(ScanRow.status == wanted.status)
        if wanted.since is not None:
            query = query.where(ScanRow.created_at >= _midnight(wanted.since))
        if wanted.until is not None:
            query = query.where(ScanRow.created_at < _midnight(wanted.until) + timedelta(days=1))
        if wanted.q is not None and wanted.q.strip():
            query = query.where(ScanRow.id.in_(Search(self._session).found(tenant_id, wanted.q)))
        return query

    async def remove(self, tenant_id: UUID, scan_id: UUID) -> None:
        """Forget a scan, and how its fields were changed; what was learned of it stays."""
        await self._session.execute(delete(FieldChangeRow).where(FieldChangeRow.tenant_id == tenant_id, FieldChangeRow.scan_id == scan_id))
        await self._session.execute(delete(PageWordsRow).where(PageWordsRow.tenant_id == tenant_id, PageWordsRow.scan_id == scan_id))
        await self._session.execute(delete(ScanRow).where(ScanRow.tenant_id == tenant_id, ScanRow.id == scan_id))

    async def count(self, status: str) -> int:
        """Return how many scans of all tenants stand like this."""
        return await self._session.scalar(select(func.count()).select_from(ScanRow).where(ScanRow.status == status)) or 0


class BatchMember(NamedTuple):
    """A scan of a batch, and how far it is."""

    id: UUID
    filename: str
    status: str
    error_code: str | None
    error_detail: str | None


class Batches:
    """The batches of a tenant."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: BatchRow) -> bool:
        """Keep a new batch; False when its idempotency key is taken."""
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True

    async def get(self, tenant_id: UUID, batch_id: UUID) -> BatchRow | None:
        """Return one batch."""
        return await self._session.get(BatchRow, (tenant_id, batch_id))

    async def with_key(self, tenant_id: UUID, idempotency_key: str) -> BatchRow | None:
        """Return the batch that was made under an idempotency key."""
        wanted = select(BatchRow).where(BatchRow.tenant_id == tenant_id, BatchRow.idempotency_key == idempotency_key)
        return await self._session.scalar(wanted)

    async def scans(self, tenant_id: UUID, batch_id: UUID) -> Sequence[BatchMember]:
        """Return the scans of a batch, in the order in which they came."""
        wanted = select(*(getattr(ScanRow, name) for name in BatchMember._fields))
        wanted = wanted.where(ScanRow.tenant_id == tenant_id, ScanRow.batch_id == batch_id).order_by(ScanRow.id)
        return [BatchMember._make(row) for row in await self._session.execute(wanted)]


class Search:
    """The words that scans are found by. What changes them changes the index in the same transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._database: Database = session.info["database"]

    async def take_in(self, row: ScanRow) -> None:
        """Let a scan be found by what it says now."""
        values = _search_values(row)
        new = insert_into(self._session, SearchRow).values(values)
        await self._session.execute(new.on_conflict_do_update(index_elements=["tenant_id", "scan_id"], set_={"words": values["words"]}))

    async def take_in_new(self, rows: Sequence[ScanRow]) -> None:
        """Let scans be found that were not there before."""
        await self._session.execute(insert(SearchRow), [_search_values(row) for row in rows])

    def found(self, tenant_id: UUID, asked: str) -> Select[UUID]:
        """Return a query for the ids of a tenant's scans where every word of what was asked begins a word."""
        wanted, own = terms(asked), select(SearchRow.scan_id).where(SearchRow.tenant_id == tenant_id)
        if not wanted:
            return own.where(false())
        if self._database.is_sqlite:
            # the terms are letters and digits alone, and in quotes: nothing in them is an operator
            match = " ".join([f'"{word_of_tenant(tenant_id)}"', *(f'"{term}"*' for term in wanted)])
            hit = text("scan_index MATCH :match").bindparams(match=match)
            return own.where(SearchRow.number.in_(select(column("rowid", BigInteger)).select_from(table("scan_index")).where(hit)))
        vector = " & ".join(f"'{term}':*" for term in wanted)
        return own.where(SearchRow.words.bool_op("@@")(cast(vector, TSQUERY)))


class Corrections:
    """What the people of a tenant said about fields."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def note(self, rows: Iterable[FieldChangeRow]) -> None:
        """Add changes to the record."""
        self._session.add_all(rows)
        await self._session.flush()

    async def of_scan(self, tenant_id: UUID, scan_id: UUID, *, limit: int, after: UUID | None) -> Sequence[FieldChangeRow]:
        """Return up to `limit` changes of a scan's fields, newest first, that come after the given one."""
        query = select(FieldChangeRow).where(FieldChangeRow.tenant_id == tenant_id, FieldChangeRow.scan_id == scan_id)
        if after is not None:
            query = query.where(FieldChangeRow.id < after)
        return (await self._session.scalars(query.order_by(FieldChangeRow.id.desc()).limit(limit))).all()

    async def learn(self, tenant_id: UUID, key: str, said: Mapping[str, Any], *, source: Mapping[str, Any]) -> None:
        """Keep what was said under a sign of a seller, in place of what was said before."""
        values = {**said, **source}
        new = insert_into(self._session, SellerHintRow).values(tenant_id=tenant_id, key=key, **values)
        await self._session.execute(new.on_conflict_do_update(index_elements=["tenant_id", "key"], set_=values))

    async def hints(self, tenant_id: UUID, keys: Iterable[str]) -> dict[str, SellerHintRow]:
        """Return what was said under these signs."""
        wanted = select(SellerHintRow).where(SellerHintRow.tenant_id == tenant_id, SellerHintRow.key.in_(list(keys)))
        return {row.key: row for row in await self._session.scalars(wanted)}


def _search_values(row: ScanRow) -> dict[str, Any]:
    words = words_of([word_of_tenant(row.tenant_id), *texts_of(row.filename, row.reading, row.corrections)])
    return {"tenant_id": row.tenant_id, "scan_id": row.id, "number": row.id.int & _RANDOM_BITS, "words": words}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


class Wishes:
    """How companies want their documents to be read."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ai_assist(self, tenant_id: UUID) -> bool:
        """Return whether a model is to be asked what the reader did not find."""
        row = await self._session.get(OptionsRow, tenant_id)
        return row is not None and row.ai_assist

    async def set(self, tenant_id: UUID, *, ai_assist: bool) -> None:
        """Keep a company's wishes."""
        new = insert_into(self._session, OptionsRow).values(tenant_id=tenant_id, ai_assist=ai_assist)
        await self._session.execute(new.on_conflict_do_update(index_elements=["tenant_id"], set_={"ai_assist": ai_assist}))
