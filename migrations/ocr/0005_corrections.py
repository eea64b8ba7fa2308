"""What people say about fields, who said it, and what is learned of it."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import protect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("scan") as table:
        table.add_column(sa.Column("corrections", sa.JSON()))
    op.create_table(
        "field_change",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(30), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.Column("after", sa.JSON()),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("corrected_by", sa.Uuid()),
        sa.Column("api_key_id", sa.Uuid()),
    )
    op.create_index("field_change_scan", "field_change", ["tenant_id", "scan_id"])
    op.create_table(
        "seller_hint",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("vendor", sa.String(200)),
        sa.Column("business_id", sa.String(20)),
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("corrected_by", sa.Uuid()),
        sa.Column("api_key_id", sa.Uuid()),
    )
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    op.drop_table("seller_hint")
    op.drop_table("field_change")
    with op.batch_alter_table("scan") as table:
        table.drop_column("corrections")
