"""What the payment service has, and what it says."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import protect

revision = "0002"
down_revision = "0001"
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "seen",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
    )
    op.create_index("seen_created", "seen", ["tenant_id", "kind", "created_at"])
    op.create_table(
        "stripe_event",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("customer_id", sa.String(255)),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("handled_at", MOMENT),
    )
    op.create_index("stripe_event_open", "stripe_event", ["customer_id", "handled_at"])
    op.create_table(
        "meter_report",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("feature", sa.String(50), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
    )
    op.create_index("meter_report_due", "meter_report", ["sent_at"])
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    for table in ("meter_report", "stripe_event", "seen"):
        op.drop_table(table)
