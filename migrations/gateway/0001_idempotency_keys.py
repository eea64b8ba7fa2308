"""What was asked under an Idempotency-Key, and what it was answered."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "idempotency_key",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.LargeBinary(32)),
        sa.Column("answer", sa.LargeBinary()),
    )
    op.create_index("idempotency_key_until", "idempotency_key", ["until"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("idempotency_key")
