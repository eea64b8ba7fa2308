"""Drafts are found without a look at what is booked."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_index("voucher_status", "voucher", ["tenant_id", "status", "id"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("voucher_status", "voucher")
