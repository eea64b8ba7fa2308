"""Rules of companies about their suppliers, and of which periods was told that they are due."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import protect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "supplier_rule",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("seller_id", sa.String(200), nullable=False),
        sa.Column("ended_at", moment),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    on = sa.text("ended_at IS NULL")
    columns = ["tenant_id", "seller_id"]
    op.create_index("supplier_rule_on", "supplier_rule", columns, unique=True, sqlite_where=on, postgresql_where=on)
    op.create_table(
        "due_notice",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("period", sa.String(10), primary_key=True),
        sa.Column("days_before", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("told_at", moment, nullable=False),
    )
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    op.drop_table("due_notice")
    op.drop_table("supplier_rule")
