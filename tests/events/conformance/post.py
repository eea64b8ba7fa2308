"""The post of one process: a module that tells and hears, its database, and what carries its events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.backend import Backend, Following, Receiver, Subscriber
from converto.events.delivery import LEASE_S
from converto.events.inbox import Inbox
from converto.events.outbox import row_of
from converto.events.tables import inbox, outbox
from converto.events.traffic import Traffic
from converto.kernel.clock import now
from converto.kernel.database import Database, Databases
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope, Event, Handler, follow, hear
from converto.kernel.metrics import EventFigures
from tests.events.diary import TENANT, DiaryService, Told, give_up, until, write_down

MODULES = ("diary", "pen")
NAME = "events.write_down"
GROUP = {"subscriber": NAME}


class Written(Event):
    """Somebody wrote something on a page."""

    type: ClassVar[str] = "diary.written"
    subject_field: ClassVar[str | None] = "page"

    page: str
    words: str


class Sharpened(Event):
    """Something happened in another module."""

    type: ClassVar[str] = "pen.sharpened"

    words: str


def written(page: str, words: str) -> Written:
    return Written(tenant_id=TENANT, page=page, words=words)


class Gate:
    """Holds handlers until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self.cancelled = 0

    async def __call__(self, _: Event) -> None:
        self.reached.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def fail(_: Event) -> None:
    msg = "the pen is dry"
    raise LookupError(msg)


class Interrupted:
    """A backend that a test can switch off, and that refuses what it is told to refuse."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.is_down = False
        self.refuses: set[UUID] = set()
        self.asked = 0

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        self.asked += 1
        if self.is_down:
            raise Unavailable(module="events")
        if self.refuses & {envelope.id for envelope in envelopes}:
            msg = "it does not fit"
            raise ValueError(msg)
        await self._backend.send(envelopes)

    async def run(self, receivers: Sequence[Receiver]) -> None:
        await self._backend.run(receivers)


class Away(Database):
    """A database that a test can cut off."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.module, database.engine)
        self.published, self.received, self.cancelled = database.published, database.received, database.cancelled
        self._there = database
        self.is_away = False
        self.asked = 0

    @property
    def across_tenants(self) -> Self:
        return self  # or a copy would be asked, of which the test sees nothing

    @asynccontextmanager
    async def writing(self, tenant_id: UUID | None = None, *, brief: bool = False) -> AsyncIterator[AsyncSession]:
        self._answer()
        async with self._there.writing(tenant_id, brief=brief) as session:
            yield session

    @asynccontextmanager
    async def reading(self, tenant_id: UUID | None = None, *, brief: bool = False) -> AsyncIterator[AsyncSession]:
        self._answer()
        async with self._there.reading(tenant_id, brief=brief) as session:
            yield session

    def _answer(self) -> None:
        self.asked += 1
        if self.is_away:
            statement = "SELECT 1"
            raise OperationalError(statement, {}, OSError("it is away"))


@dataclass
class Follow:
    """What a follower has taken; a test may tell it how to take it."""

    taken: list[UUID] = field(default_factory=list)
    takes: Callable[[Sequence[Envelope]], Awaitable[None]] | None = None

    async def take(self, envelopes: Sequence[Envelope]) -> None:
        if self.takes is not None:
            await self.takes(envelopes)
        self.taken += [envelope.id for envelope in envelopes]


async def keep_all(envelopes: Sequence[Envelope], service: Follow) -> None:
    await service.take(envelopes)


@dataclass
class Post:
    """A process that hosts the diary and the pen."""

    databases: Databases
    new_backend: Callable[[], Backend]
    redis_url: str | None
    figures: EventFigures
    diary: DiaryService = field(default_factory=DiaryService)

    def __post_init__(self) -> None:
        self.database, self.pen = (self.databases.of(module).across_tenants for module in MODULES)
        self.backend = self.new_backend()

    def another(self) -> "Post":
        """Return the post of one more process, which shares the databases and writes into the same diary."""
        return replace(self)

    def hears(self, event: type[Event] = Told, handler: Handler = write_down, *, named: str = NAME, **options: Any) -> Subscriber:
        """Return a subscriber that writes what it hears into the diary."""
        return Subscriber(replace(hear(event, handler, given_up=give_up, **options), name=named), self.diary, self.database)

    def follows(self, service: Any, take: Any = keep_all) -> Following:
        """Return a follower."""
        return Following(follow(take), service, MODULES)

    @asynccontextmanager
    async def running(
        self, *subscribers: Subscriber, following: Sequence[Following] = (), lease_s: float = LEASE_S, backend: Backend | None = None
    ) -> AsyncIterator[None]:
        """Move events while the block runs: for these subscribers, or for one that hears what is told."""
        heard = subscribers or ((self.hears(),) if not following else ())
        traffic = Traffic(backend or self.backend, self.figures, lease_s=lease_s)
        async with traffic.running([self.database, self.pen], heard, following):
            yield

    async def send(self, *envelopes: Envelope) -> None:
        """Hand events to the backend, once it is ready to take them."""

        async def sent() -> bool:
            try:
                await self.backend.send(envelopes)
            except Unavailable:
                return False
            return True

        await until(sent)

    async def send_unreadable(self) -> None:
        """Put where this backend reads what nobody can read: into the stream of Redis, or else into the outbox."""
        if self.redis_url is not None:
            async with opened(self.redis_url) as client:
                for fields in ({"envelope": b"{"}, {"letter": b"{}"}, {"envelope": b"\xff\xfe"}):
                    await client.xadd("stream:diary", fields)
            return
        row = row_of(Envelope.around(Told(tenant_id=TENANT, words="of another time")))
        async with self.database.writing() as session:
            await session.execute(insert(outbox).values({**row, "envelope": {"letter": 1}}))

    async def claim(self, limit: int = 1, *, lease_s: float = 60, **options: Any) -> Sequence[Any]:
        """Claim what waits, as a process does that dies then."""
        async with self.database.writing() as session:
            return await Inbox(session).claim(NAME, limit, lease_s=lease_s, **options)

    async def claimed(self, limit: int = 1, *, lease_s: float = 60) -> Sequence[Any]:
        """Claim once there is something to claim."""

        async def some() -> Sequence[Any]:
            return await self.claim(limit, lease_s=lease_s)

        found: Sequence[Any] = await until(some)
        return found

    async def rows(self) -> Mapping[str, Any]:
        """Return the inbox rows by the words of their events."""
        async with self.database.reading() as session:
            return {row.envelope["data"]["words"]: row for row in await session.execute(select(inbox))}

    async def hurry(self) -> None:
        """Have what waits after a failure wait no longer."""
        async with self.database.writing() as session:
            paused = (inbox.c.attempts > 0) & inbox.c.leased_until.is_(None) & (inbox.c.due_at > now())
            await session.execute(update(inbox).where(paused).values(due_at=now() - timedelta(seconds=1)))
        self.database.received.ring()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Any]:
    """Open a client of a Redis, or of a cluster."""
    async with Redis.from_url(url) as client:
        is_cluster = (await client.info("cluster"))["cluster_enabled"]
        if not is_cluster:
            yield client
            return
    async with RedisCluster.from_url(url) as cluster:
        yield cluster


async def lay_in(database: Database, subscriber: str, *envelopes: Envelope) -> None:
    """Put events into an inbox, as a backend does."""
    async with database.writing() as session:
        await Inbox(session).accept(subscriber, envelopes)
