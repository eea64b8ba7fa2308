"""The two tables that every module's database has for its events: what it told, and what it was told."""

from sqlalchemy import JSON, Column, Index, Integer, MetaData, String, Table, Text, Uuid

from converto.kernel.columns import Moment

tables = MetaData()

outbox = Table(
    "outbox",
    tables,
    Column("event_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("type", String(100), nullable=False),
    Column("envelope", JSON, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("leased_until", Moment),
    Column("dead_at", Moment),
    Column("last_error", Text),
    Index("outbox_due", "due_at"),
)
"""Facts told, until they are sent."""

inbox = Table(
    "inbox",
    tables,
    Column("subscriber", String(100), primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("type", String(100), nullable=False),
    Column("envelope", JSON, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("attempts", Integer, nullable=False, default=0),
    Column("leased_until", Moment),
    Column("lease", Uuid),
    Column("handled_at", Moment),
    Column("dead_at", Moment),
    Column("last_error", Text),
    Index("inbox_due", "subscriber", "due_at"),
)
"""Facts heard, per subscriber: waiting (due), being handled (leased), handled (kept, so that a second copy is known), or dead."""
