"""Several documents that came at once."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import protect

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "batch",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="batch_idempotency_key"),
    )
    with op.batch_alter_table("scan") as table:
        table.add_column(sa.Column("batch_id", sa.Uuid()))
        table.create_index("scan_batch", ["tenant_id", "batch_id"])
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("scan") as table:
        table.drop_index("scan_batch")
        table.drop_column("batch_id")
    op.drop_table("batch")
