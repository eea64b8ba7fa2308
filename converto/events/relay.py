"""The relay: sends what lies in an outbox, again and again until it is gone."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from converto.events.backend import Backend
from converto.events.outbox import Outbox
from converto.events.pauses import POLL_S, ROUNDS_A_SECOND, ROUNDS_AT_ONCE, pause_s
from converto.kernel.database import Database
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope
from converto.kernel.metrics import EventFigures
from converto.kernel.pace import Pace

log = structlog.get_logger()

BATCH = 200
LEASE_S = 10.0
"""How long a batch is a relay's own; another takes it up after that, so what is sent twice is known to whoever hears it."""
ATTEMPTS = 5


class Relay:
    """Takes events from one module's outbox to the backend. Several may work on one outbox: rows are leased.

    What went out is marked as sent in the transaction that claims the next batch, so that a busy outbox costs one commit a batch.
    """

    def __init__(self, database: Database, backend: Backend, figures: EventFigures, *, poll_s: float = POLL_S) -> None:
        """Take the outbox's database, where events go, and how often to look without being rung for."""
        self._database = database.across_tenants
        self._backend = backend
        self._figures = figures
        self._poll_s = poll_s
        self._gone: list[UUID] = []
        self._pace = Pace(a_second=ROUNDS_A_SECOND, at_once=ROUNDS_AT_ONCE)

    async def run(self) -> None:
        """Go on until cancelled."""
        bell = self._database.published
        while True:
            seen = bell.rings
            if not await self.send_due():
                await bell.beyond(seen, timeout_s=self._poll_s)
            elif self._gone:
                await self._pace.kept(len(self._gone))

    async def send_due(self) -> bool:
        """Send one batch; returns whether there was one that went out."""
        envelopes = await self._claim()
        if not envelopes:
            return False
        try:
            await self._backend.send(envelopes)
        except Unavailable as error:
            log.warning("events.backend_unavailable", module=self._database.module, error=str(error))
            await self._put_back(envelopes)
            return False
        except Exception as error:
            log.warning("events.batch_refused", module=self._database.module, exc_info=error)
            await self._one_by_one(envelopes)
            return True
        self._sent(envelopes)
        return True

    async def _claim(self) -> Sequence[Envelope]:
        if not self._gone:
            async with self._database.reading(brief=True) as session:
                if not await Outbox(session).has_due():
                    return ()
        async with self._database.writing(brief=True) as session:
            await Outbox(session).sent(self._gone)
            envelopes = await Outbox(session).claim(BATCH, lease_s=LEASE_S)
        self._gone.clear()
        return envelopes

    async def _one_by_one(self, envelopes: Sequence[Envelope]) -> None:
        held_up: set[str | None] = set()
        for envelope in envelopes:
            if envelope.subject is not None and envelope.subject in held_up:
                await self._put_back([envelope])  # it must not overtake the one that failed
            elif not await self._send_one(envelope):
                held_up.add(envelope.subject)

    async def _send_one(self, envelope: Envelope) -> bool:
        try:
            await self._backend.send([envelope])
        except Exception as error:
            log.exception("events.refused", event_id=str(envelope.id), type=envelope.type)
            async with self._database.writing() as session:
                await Outbox(session).failed(envelope.id, f"{type(error).__name__}: {error}", pause_s=pause_s, attempts=ATTEMPTS)
            return False
        self._sent([envelope])
        return True

    async def _put_back(self, envelopes: Sequence[Envelope]) -> None:
        async with self._database.writing() as session:
            await Outbox(session).put_back([envelope.id for envelope in envelopes], delay_s=POLL_S)

    def _sent(self, envelopes: Sequence[Envelope]) -> None:
        self._gone += [envelope.id for envelope in envelopes]
        for envelope in envelopes:
            self._figures.sent.labels(envelope.type).inc()
