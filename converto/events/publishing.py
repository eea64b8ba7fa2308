"""Events that come from outside: checked against their type, and told once under a key however often they come."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from converto.events.faults import Fault, fault, told
from converto.events.interface import SERVICE, ForeignTenant, KeyReused, Publication, Published, UnknownType, WrongShape
from converto.events.models import PublicationRow
from converto.events.publisher import Publisher
from converto.events.repository import Publications
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database
from converto.kernel.event import Envelope, Event, module_of, stream_of

LONGEST_SUBJECT = 200
AHEAD = timedelta(minutes=1)
"""How far the clock of whoever publishes may be ahead of ours."""
_BESIDE = ("id", "time", "tenant_id")
"""Fields of an event that stand beside its data."""
_TRIES = 3


class Publishing:
    """Tells events for the world outside."""

    def __init__(self, database: Database, publisher: Publisher, known: Mapping[str, type[Event]]) -> None:
        self._database = database
        self._publisher = publisher
        self._known = known

    async def publish(self, actor: Actor, publications: Sequence[Publication]) -> tuple[Published, ...]:
        """Tell events, all or none. Raises UnknownType, WrongShape, ForeignTenant, KeyReused."""
        envelopes = self._checked(actor, publications)
        keyed = [(one.key, envelope) for one, envelope in zip(publications, envelopes, strict=True)]
        for _ in range(_TRIES):
            earlier = await self._earlier(actor.tenant_id, keyed)
            fresh: dict[str, tuple[str | None, Envelope]] = {}
            for key, envelope in keyed:
                if key not in earlier:
                    fresh.setdefault(key or str(envelope.id), (key, envelope))
            rows = [(PublicationRow.__table__, _row(actor.tenant_id, key, envelope)) for key, envelope in fresh.values() if key]
            try:
                if fresh:
                    # the table of a mapped class is typed as what may also be selected from
                    await self._publisher.publish(*[envelope for _, envelope in fresh.values()], rows=rows)  # type: ignore[arg-type]
            except IntegrityError:
                continue  # somebody used one of the keys at the same moment: what they published is there now
            ids = earlier | {key: envelope.id for key, envelope in fresh.values() if key}
            return tuple(_published(ids.get(key or "", envelope.id), envelope) for key, envelope in keyed)
        raise KeyReused(key=", ".join(key for key, _ in keyed if key))

    async def _earlier(self, tenant_id: UUID, keyed: Iterable[tuple[str | None, Envelope]]) -> dict[str, UUID]:
        """Return the events that were published under these keys before. Raises KeyReused where it was something else."""
        wanted: dict[str, bytes] = {}
        for key, envelope in keyed:
            if key and wanted.setdefault(key, _digest(envelope)) != _digest(envelope):
                raise KeyReused(key=key)
        if not wanted:
            return {}
        async with self._database.reading() as session:
            rows = await Publications(session).under(tenant_id, [_hash(key) for key in wanted])
        found = {}
        for key, digest in wanted.items():
            row = rows.get(_hash(key))
            if row is not None and row.digest != digest:
                raise KeyReused(key=key)
            if row is not None:
                found[key] = row.event_id
        return found

    def _checked(self, actor: Actor, publications: Sequence[Publication]) -> list[Envelope]:
        unknown: list[Fault] = []
        faults: list[Fault] = []
        envelopes: list[Envelope] = []
        for number, publication in enumerate(publications):
            kind = self._known.get(publication.event_type)
            if kind is None:
                unknown.append(fault(number, "event_type", detail=f"no module here tells {publication.event_type[:100]!r}"))
                continue
            found = _envelope(publication, kind, outside=SERVICE not in actor.scopes)
            if isinstance(found, Envelope):
                envelopes.append(found)
            else:
                faults += [one | {"pointer": f"/{number}{one['pointer']}"} for one in found]
        if unknown:
            raise UnknownType(**told(unknown))
        if faults:
            raise WrongShape(**told(faults))
        if SERVICE not in actor.scopes and any(publication.tenant_id != actor.tenant_id for publication in publications):
            raise ForeignTenant(scope=SERVICE, tenant_id=actor.tenant_id)
        return envelopes


def _envelope(publication: Publication, kind: type[Event], *, outside: bool) -> Envelope | list[Fault]:
    """Return an event in its envelope, or what is wrong with it."""
    faults = [*_misfits(publication, kind)]
    own = {name: value for name, value in publication.data.items() if name in kind.model_fields and name not in _BESIDE}
    beside = {"id": new_id(), "time": min(publication.time or now(), now()), "tenant_id": publication.tenant_id}
    try:
        event = kind.model_validate({**own, **beside})
    except ValidationError as error:
        return faults + [fault("data", *wrong["loc"], detail=wrong["msg"]) for wrong in error.errors(include_url=False)]
    envelope = Envelope.around(event, outside=outside)
    if envelope.subject is not None and len(envelope.subject) > LONGEST_SUBJECT:
        faults.append(fault("data", str(kind.subject_field), detail=f"at most {LONGEST_SUBJECT} characters are taken"))
    return faults or envelope


def _misfits(publication: Publication, kind: type[Event]) -> Iterable[Fault]:
    module = module_of(kind.type)
    if publication.source_service != module:
        yield fault("source_service", detail=f"{kind.type} is told by {module}, so send {module!r}")
    if publication.time is not None and publication.time > now() + AHEAD:
        yield fault("time", detail="this lies in the future; leave it out for now")
    for name in publication.data:
        if name in _BESIDE:
            yield fault("data", name, detail="this stands beside the data, not in it")
        elif name not in kind.model_fields:
            yield fault("data", name, detail=f"{kind.type} has no such field")


def _row(tenant_id: UUID, key: str, envelope: Envelope) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "key": _hash(key), "digest": _digest(envelope), "event_id": envelope.id, "kept_at": now()}


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _digest(envelope: Envelope) -> bytes:
    content = [envelope.type, str(envelope.tenant_id), envelope.data]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


def _published(event_id: UUID, envelope: Envelope) -> Published:
    return Published(event_id=event_id, stream=stream_of(envelope.source))
