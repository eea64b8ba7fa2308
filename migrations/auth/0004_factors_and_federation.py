"""What is proved beside a password, and sign-in by other providers."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Undo."""
