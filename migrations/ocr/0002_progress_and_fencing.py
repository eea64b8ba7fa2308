"""How far a reading is, and whose result is taken."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = ("reader_id", "job_id", "revision", "pages_read", "pages")


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("scan") as table:
        table.add_column(sa.Column("pages", sa.Integer()))
        table.add_column(sa.Column("pages_read", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("job_id", sa.Uuid()))
        table.add_column(sa.Column("reader_id", sa.Uuid()))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("scan") as table:
        for column in COLUMNS:
            table.drop_column(column)
