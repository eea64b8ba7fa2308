"""A wall between tenants in PostgreSQL."""

from alembic import op

from converto.kernel.row_security import expose, protect

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    protect(op.get_bind(), also={"tenants": "id"})


def downgrade() -> None:
    """Undo."""
    expose(op.get_bind())
