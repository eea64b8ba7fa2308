"""How a document is read, so that the same is not read twice."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("scan") as table:
        table.add_column(sa.Column("read_as", sa.String(150)))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("scan") as table:
        table.drop_column("read_as")
