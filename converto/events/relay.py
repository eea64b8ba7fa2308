"""The relay: sends what lies in an outbox, again and again until it is gone."""

from collections.abc import Sequence

import structlog

from converto.events.backend import Backend
from converto.events.delivery import POLL_S, pause_s
from converto.events.outbox import Outbox
from converto.kernel.database import Database
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope
from converto.kernel.metrics import EventFigures

log = structlog.get_logger()

BATCH = 100
LEASE_S = 30.0
ATTEMPTS = 5


class Relay:
    """Takes events from one module's outbox to the backend. Several may work on one outbox: rows are leased."""

    def __init__(self, database: Database, backend: Backend, figures: EventFigures) -> None:
        self._database = database
        self._backend = backend
        self._figures = figures

    async def run(self) -> None:
        """Go on until cancelled."""
        bell = self._database.published
        while True:
            seen = bell.rings
            if not await self.send_due():
                await bell.beyond(seen, timeout_s=POLL_S)

    async def send_due(self) -> bool:
        """Send one batch; returns whether there was one that went out."""
        async with self._database.reading() as session:
            if not await Outbox(session).has_due():
                return False
        async with self._database.writing() as session:
            envelopes = await Outbox(session).claim(BATCH, lease_s=LEASE_S)
        if not envelopes:
            return False
        try:
            await self._backend.send(envelopes)
        except Unavailable as error:
            log.warning("events.backend_unavailable", module=self._database.module, error=str(error))
            async with self._database.writing() as session:
                await Outbox(session).put_back([envelope.id for envelope in envelopes], delay_s=POLL_S)
            return False
        except Exception as error:
            log.warning("events.batch_refused", module=self._database.module, exc_info=error)
            for envelope in envelopes:
                await self._send_one(envelope)
            return True
        await self._sent(envelopes)
        return True

    async def _send_one(self, envelope: Envelope) -> None:
        try:
            await self._backend.send([envelope])
        except Exception as error:
            log.exception("events.refused", event_id=str(envelope.id), type=envelope.type)
            async with self._database.writing() as session:
                await Outbox(session).failed(envelope.id, f"{type(error).__name__}: {error}", pause_s=pause_s, attempts=ATTEMPTS)
        else:
            await self._sent([envelope])

    async def _sent(self, envelopes: Sequence[Envelope]) -> None:
        async with self._database.writing() as session:
            await Outbox(session).sent([envelope.id for envelope in envelopes])
        for envelope in envelopes:
            self._figures.sent.labels(envelope.type).inc()
