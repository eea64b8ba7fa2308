"""How and when somebody proved who they are, accounts of programs, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.add_column("users", sa.Column("kind", sa.String(20), nullable=False, server_default="person"))
    op.add_column("users", sa.Column("email_verified_at", _MOMENT))
    # The defaults are for the sessions there are: without them SQLite would have to copy the whole table.
    op.add_column("sessions", sa.Column("proved_at", _MOMENT, nullable=False, server_default="2026-01-01 00:00:00+00:00"))
    op.add_column("sessions", sa.Column("methods", sa.String(40), nullable=False, server_default="pwd"))
    op.create_table(
        "audit_entries",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("api_key_id", sa.Uuid()),
        sa.Column("session_id", sa.Uuid()),
        sa.Column("target", sa.String(200)),
        sa.Column("address", sa.String(64)),
        sa.Column("user_agent", sa.String(512)),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("audit_entries")
    op.drop_column("sessions", "methods")
    op.drop_column("sessions", "proved_at")
    op.drop_column("users", "email_verified_at")
    op.drop_column("users", "kind")
