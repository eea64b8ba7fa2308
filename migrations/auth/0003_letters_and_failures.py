"""What sign-in keeps: letters to be sent, proofs of an address, and failures by account, network and device."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Undo."""
