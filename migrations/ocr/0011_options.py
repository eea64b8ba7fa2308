"""How a company wants its documents to be read."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import protect

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "options",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("ai_assist", sa.Boolean(), nullable=False),
    )
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    op.drop_table("options")
