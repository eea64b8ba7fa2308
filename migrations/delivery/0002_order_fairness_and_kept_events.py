"""Order by subject, turns for tenants, failures beside attempts, sent events that are kept, and dead ones that are found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

UNSENT = sa.text("sent_at IS NULL AND dead_at IS NULL")
UNFINISHED = sa.text("due_at IS NOT NULL")
DEAD = sa.text("dead_at IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.drop_index("outbox_due", "outbox")
    op.add_column("outbox", sa.Column("subject", sa.String(200)))
    # The default is for the rows there are: without it SQLite would have to copy the whole table.
    op.add_column("outbox", sa.Column("told_at", sa.DateTime(timezone=True), nullable=False, server_default="2026-01-01 00:00:00+00:00"))
    op.add_column("outbox", sa.Column("sent_at", sa.DateTime(timezone=True)))
    op.execute(sa.text("UPDATE outbox SET told_at = due_at"))
    op.create_index("outbox_unsent", "outbox", ["event_id"], postgresql_where=UNSENT, sqlite_where=UNSENT)
    op.create_index("outbox_subject", "outbox", ["subject", "event_id"], postgresql_where=UNSENT, sqlite_where=UNSENT)
    op.create_index("outbox_told", "outbox", ["told_at"])
    op.drop_index("inbox_due", "inbox")
    op.add_column("inbox", sa.Column("subject", sa.String(200)))
    op.add_column("inbox", sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("inbox", sa.Column("priority", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("inbox", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    for name, columns in {
        "inbox_line": ["subscriber", "turn", "priority", "event_id"],
        "inbox_tenant": ["subscriber", "tenant_id", "priority", "turn"],
        "inbox_subject": ["subscriber", "subject", "event_id"],
    }.items():
        op.create_index(name, "inbox", columns, postgresql_where=UNFINISHED, sqlite_where=UNFINISHED)
    op.create_index("inbox_handled", "inbox", ["handled_at"])
    op.create_index("outbox_dead", "outbox", ["event_id"], postgresql_where=DEAD, sqlite_where=DEAD)
    op.create_index("inbox_dead", "inbox", ["subscriber", "type", "event_id"], postgresql_where=DEAD, sqlite_where=DEAD)


def downgrade() -> None:
    """Undo."""
    for name in ("inbox_dead", "inbox_handled", "inbox_subject", "inbox_tenant", "inbox_line"):
        op.drop_index(name, "inbox")
    with op.batch_alter_table("inbox") as table:
        for column in ("failures", "priority", "turn", "subject"):
            table.drop_column(column)
    op.create_index("inbox_due", "inbox", ["subscriber", "due_at"])
    for name in ("outbox_dead", "outbox_told", "outbox_subject", "outbox_unsent"):
        op.drop_index(name, "outbox")
    op.execute(sa.text("DELETE FROM outbox WHERE sent_at IS NOT NULL"))
    with op.batch_alter_table("outbox") as table:
        for column in ("sent_at", "told_at", "subject"):
            table.drop_column(column)
    op.create_index("outbox_due", "outbox", ["due_at"])
