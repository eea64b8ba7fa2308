"""Where the words of a scan stand, for searchable PDFs; what was read before has none until it is read anew."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import protect

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "scan_words",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("scan_id", sa.Uuid(), primary_key=True),
        sa.Column("words", sa.LargeBinary(), nullable=False),
    )
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    op.drop_table("scan_words")
