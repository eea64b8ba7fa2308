"""The two tables that every module's database has for its events: what it told, and what it was told."""

from sqlalchemy import JSON, Index, Integer, MetaData, String, Table, Text, Uuid
from sqlalchemy import Column as C

from converto.kernel.columns import Moment

tables = MetaData()

outbox = Table(
    "outbox",
    tables,
    C("event_id", Uuid, primary_key=True),
    C("tenant_id", Uuid, nullable=False),
    C("type", String(100), nullable=False),
    C("envelope", JSON, nullable=False),
    C("due_at", Moment, nullable=False),
    C("attempts", Integer, nullable=False, default=0),
    C("leased_until", Moment),
    C("dead_at", Moment),
    C("last_error", Text),
    Index("outbox_due", "due_at"),
)
"""Facts told, until they are sent."""

inbox = Table(
    "inbox",
    tables,
    C("subscriber", String(100), primary_key=True),
    C("event_id", Uuid, primary_key=True),
    C("tenant_id", Uuid, nullable=False),
    C("type", String(100), nullable=False),
    C("envelope", JSON, nullable=False),
    C("received_at", Moment, nullable=False),
    C("due_at", Moment),
    C("attempts", Integer, nullable=False, default=0),
    C("leased_until", Moment),
    C("lease", Uuid),
    C("handled_at", Moment),
    C("dead_at", Moment),
    C("last_error", Text),
    Index("inbox_due", "subscriber", "due_at"),
)
"""Facts heard, per subscriber: waiting (due), being handled (leased), handled (kept, so that a second copy is known), or dead."""
