"""What was told of pictures."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import expose, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "analysis",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("task", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer()),
        sa.Column("model", sa.String(220), nullable=False),
        sa.Column("told", sa.JSON()),
        sa.Column("error_code", sa.String(100)),
        sa.Column("error_detail", sa.String(500)),
    )
    op.create_index("analysis_unfinished", "analysis", ["status", "created_at"])
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    expose(op.get_bind())
    op.drop_table("analysis")
