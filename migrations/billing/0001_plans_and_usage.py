"""Accounts, and what is used."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import protect

revision = "0001"
down_revision = None
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "account",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("trial_ends_at", MOMENT, nullable=False),
        sa.Column("anchor", MOMENT, nullable=False),
        sa.Column("plan", sa.String(30)),
        sa.Column("plan_version", sa.Integer()),
        sa.Column("interval", sa.String(10)),
        sa.Column("subscription_id", sa.String(255)),
        sa.Column("subscription_status", sa.String(30)),
        sa.Column("cancels_at", MOMENT),
        sa.Column("paid_until", MOMENT),
        sa.Column("grace_until", MOMENT),
        sa.Column("customer_id", sa.String(255)),
        sa.Column("country", sa.String(2)),
        sa.Column("vat_id", sa.String(20)),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("synced_at", MOMENT),
        sa.Column("sync_version", sa.Integer(), nullable=False),
    )
    op.create_index("account_customer", "account", ["customer_id"], unique=True)
    op.create_table(
        "entitlement_override",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("feature", sa.String(50), primary_key=True),
        sa.Column("limit_value", sa.BigInteger()),
        sa.Column("is_hard", sa.Boolean(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("reason", sa.String(200), nullable=False),
    )
    op.create_table(
        "usage_event",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("feature", sa.String(50), primary_key=True),
        sa.Column("key", sa.String(220), primary_key=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("period_start", MOMENT, nullable=False),
        sa.Column("period_end", MOMENT, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("expires_at", MOMENT),
    )
    op.create_index("usage_event_day", "usage_event", ["tenant_id", "feature", "day"])
    op.create_index("usage_event_expiry", "usage_event", ["expires_at"])
    op.create_table(
        "usage_counter",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("feature", sa.String(50), primary_key=True),
        sa.Column("period_start", MOMENT, primary_key=True),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("warned", sa.Integer(), nullable=False),
    )
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    for table in ("usage_counter", "usage_event", "entitlement_override", "account"):
        op.drop_table(table)
