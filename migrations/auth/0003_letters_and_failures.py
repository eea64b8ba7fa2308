"""What sign-in keeps: letters to be sent, secrets that letters bring, and devices that are known."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "letters",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("written_at", _MOMENT, nullable=False),
    )
    op.create_index("letters_written", "letters", ["written_at"])
    op.create_table(
        "mailed_tokens",
        sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
    )
    op.create_index("mailed_tokens_user", "mailed_tokens", ["user_id", "purpose"])
    op.create_index("mailed_tokens_ends", "mailed_tokens", ["ends_at"])
    op.create_table(
        "devices",
        sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("known_since", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
    )
    op.create_index("devices_user", "devices", ["user_id", "seen_at"])


def downgrade() -> None:
    """Undo."""
    for table in ("devices", "mailed_tokens", "letters"):
        op.drop_table(table)
