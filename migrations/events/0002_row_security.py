"""A wall between tenants in PostgreSQL."""

from alembic import op

from converto.kernel.row_security import expose, protect

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    expose(op.get_bind())
