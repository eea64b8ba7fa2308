"""Invitations, API keys, service accounts, and what is asked for a person's own data."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Undo."""
