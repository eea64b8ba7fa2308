"""What is asked to read a document."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("scan") as table:
        table.add_column(sa.Column("engine", sa.String(20), nullable=False, server_default="auto"))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("scan") as table:
        table.drop_column("engine")
