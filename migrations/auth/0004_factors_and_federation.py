"""What is proved beside a password, and sign-in by other providers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    _codes()
    _passkeys()
    _providers()


def _of_a_person(*, primary_key: bool = False) -> "sa.Column[object]":
    return sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False)


def _codes() -> None:
    op.create_table(
        "totp",
        _of_a_person(primary_key=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("confirmed_at", _MOMENT),
        sa.Column("last_counter", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "recovery_codes",
        _of_a_person(primary_key=True),
        sa.Column("code_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("used_at", _MOMENT),
    )


def _passkeys() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _of_a_person(),
        sa.Column("credential_id", sa.LargeBinary(1023), nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("is_synced", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_used_at", _MOMENT),
    )
    op.create_index("passkeys_user", "passkeys", ["user_id"])
    op.create_table(
        "passkey_challenges",
        sa.Column("challenge_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("session_id", sa.Uuid()),
        sa.Column("ends_at", _MOMENT, nullable=False),
    )
    op.create_index("passkey_challenges_ends", "passkey_challenges", ["ends_at"])


def _providers() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(255), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        _of_a_person(),
        sa.Column("email", sa.String(254)),
        sa.Column("linked_at", _MOMENT, nullable=False),
        sa.Column("last_used_at", _MOMENT),
        sa.UniqueConstraint("user_id", "issuer", name="identities_user"),
    )
    op.create_table(
        "oidc_flows",
        sa.Column("state_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("browser_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_id", sa.Uuid()),
        sa.Column("session_id", sa.Uuid()),
        sa.Column("return_to", sa.String(300)),
        sa.Column("ends_at", _MOMENT, nullable=False),
    )
    op.create_index("oidc_flows_ends", "oidc_flows", ["ends_at"])


def downgrade() -> None:
    """Undo."""
    for table in ("oidc_flows", "identities", "passkey_challenges", "passkeys", "recovery_codes", "totp"):
        op.drop_table(table)
