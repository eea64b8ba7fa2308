"""What is dead is found without a look at all that was handled."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

DEAD = sa.text("dead_at IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.create_index("outbox_dead", "outbox", ["event_id"], postgresql_where=DEAD, sqlite_where=DEAD)
    op.create_index("inbox_dead", "inbox", ["subscriber", "type", "event_id"], postgresql_where=DEAD, sqlite_where=DEAD)


def downgrade() -> None:
    """Undo."""
    op.drop_index("inbox_dead", "inbox")
    op.drop_index("outbox_dead", "outbox")
