"""The two tables that every module's database has for its events: what it told, and what it was told."""

from sqlalchemy import JSON, Column, Index, Integer, MetaData, SmallInteger, String, Table, Text, Uuid, text

from converto.kernel.columns import Moment

tables = MetaData()

outbox = Table(
    "outbox",
    tables,
    Column("event_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("type", String(100), nullable=False),
    Column("subject", String(200)),
    Column("envelope", JSON, nullable=False),
    Column("told_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("leased_until", Moment),
    Column("sent_at", Moment),
    Column("dead_at", Moment),
    Column("last_error", Text),
)
"""Facts told: waiting (due), being sent (leased), sent (kept for a while, so that they can be sent again), or dead."""

_unsent = text("sent_at IS NULL AND dead_at IS NULL")
Index("outbox_unsent", outbox.c.event_id, postgresql_where=_unsent, sqlite_where=_unsent)
Index("outbox_subject", outbox.c.subject, outbox.c.event_id, postgresql_where=_unsent, sqlite_where=_unsent)
Index("outbox_told", outbox.c.told_at)

inbox = Table(
    "inbox",
    tables,
    Column("subscriber", String(100), primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("type", String(100), nullable=False),
    Column("subject", String(200)),
    Column("envelope", JSON, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("turn", Integer, nullable=False, default=0),
    Column("priority", SmallInteger, nullable=False, default=0),
    Column("due_at", Moment),
    Column("attempts", Integer, nullable=False, default=0),
    Column("failures", Integer, nullable=False, default=0),
    Column("leased_until", Moment),
    Column("lease", Uuid),
    Column("handled_at", Moment),
    Column("dead_at", Moment),
    Column("last_error", Text),
)
"""Facts heard, per subscriber: waiting (due), being handled (leased), handled (kept, so that a second copy is known), or dead.

`turn` is the place in the line of its subscriber: tenants take turns, however much one of them has waiting.
"""

_unfinished = text("due_at IS NOT NULL")
Index(
    "inbox_line",
    inbox.c.subscriber,
    inbox.c.turn,
    inbox.c.priority,
    inbox.c.event_id,
    postgresql_where=_unfinished,
    sqlite_where=_unfinished,
)
Index(
    "inbox_tenant",
    inbox.c.subscriber,
    inbox.c.tenant_id,
    inbox.c.priority,
    inbox.c.turn,
    postgresql_where=_unfinished,
    sqlite_where=_unfinished,
)
Index("inbox_subject", inbox.c.subscriber, inbox.c.subject, inbox.c.event_id, postgresql_where=_unfinished, sqlite_where=_unfinished)
Index("inbox_handled", inbox.c.handled_at)

_dead = text("dead_at IS NOT NULL")
Index("outbox_dead", outbox.c.event_id, postgresql_where=_dead, sqlite_where=_dead)
Index("inbox_dead", inbox.c.subscriber, inbox.c.type, inbox.c.event_id, postgresql_where=_dead, sqlite_where=_dead)
