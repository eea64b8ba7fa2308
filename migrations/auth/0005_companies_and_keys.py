"""Invitations, API keys, what is asked for a person's own data, and the sealed ends of the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.add_column("users", sa.Column("deletion_due_at", _MOMENT))
    op.add_column("users", sa.Column("erased_at", _MOMENT))
    op.create_index("users_deletion_due", "users", ["deletion_due_at"])
    op.add_column("tenants", sa.Column("business_id", sa.String(9)))
    op.add_column("tenants", sa.Column("closed_at", _MOMENT))
    op.add_column("memberships", sa.Column("used_at", _MOMENT))
    op.create_table(
        "invitations",
        sa.Column("tenant_id", sa.Uuid(), sa.ForeignKey("tenants.id"), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("invited_by", sa.Uuid()),
        sa.Column("invited_at", _MOMENT, nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("tenant_id", "email"),
    )
    op.create_index("invitations_email", "invitations", ["email"])
    op.create_index("invitations_ends", "invitations", ["ends_at"])
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True, unique=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(32)),
        sa.Column("previous_until", _MOMENT),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT),
        sa.ForeignKeyConstraint(["tenant_id", "user_id"], ["memberships.tenant_id", "memberships.user_id"], ondelete="CASCADE"),
    )
    op.create_index("api_keys_holder", "api_keys", ["tenant_id", "user_id"])
    op.create_table(
        "audit_heads",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("before", sa.LargeBinary(32), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
    )
    op.create_index("audit_entries_user", "audit_entries", ["user_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("audit_entries_user", "audit_entries")
    for table in ("audit_heads", "api_keys", "invitations"):
        op.drop_table(table)
    op.drop_column("memberships", "used_at")
    op.drop_column("tenants", "closed_at")
    op.drop_column("tenants", "business_id")
    op.drop_index("users_deletion_due", "users")
    op.drop_column("users", "erased_at")
    op.drop_column("users", "deletion_due_at")
