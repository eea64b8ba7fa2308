"""The log of events, consumer groups, and what was published under which key."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "event_log",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("stream", sa.String(100), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("envelope", sa.JSON(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("event_id", name="event_log_event"),
        sqlite_autoincrement=True,
    )
    op.create_index("event_log_tenant", "event_log", ["tenant_id", "position"])
    op.create_index("event_log_kept", "event_log", ["kept_at"])
    op.create_table(
        "consumer_groups",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("every_tenant", sa.Boolean(), nullable=False),
        sa.Column("stream_names", sa.JSON(), nullable=False),
        sa.Column("event_types", sa.JSON()),
        sa.Column("lease_s", sa.Integer(), nullable=False),
        sa.Column("ordered", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("tenant_id", "name", name="consumer_groups_name"),
    )
    op.create_table(
        "publications",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("publications_kept", "publications", ["kept_at"])


def downgrade() -> None:
    """Undo."""
    for table in ("publications", "consumer_groups", "event_log"):
        op.drop_table(table)
