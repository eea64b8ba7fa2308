"""What models were asked, what it cost, and what may be spent."""

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import expose, protect

revision = "0001"
down_revision = None

TABLES = ("budget", "spending", "reservation", "call", "content", "options", "template", "feedback", "price")


def _tenant() -> sa.Column[object]:
    return sa.Column("tenant_id", sa.Uuid(), primary_key=True)


def _money() -> None:
    op.create_table(
        "budget",
        _tenant(),
        sa.Column("subject", sa.String(50), primary_key=True),
        sa.Column("soft_nano", sa.BigInteger()),
        sa.Column("hard_nano", sa.BigInteger()),
    )
    op.create_table(
        "spending",
        _tenant(),
        sa.Column("subject", sa.String(50), primary_key=True),
        sa.Column("period", sa.String(7), primary_key=True),
        sa.Column("spent_nano", sa.BigInteger(), nullable=False),
        sa.Column("reserved_nano", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
    )
    op.create_table(
        "reservation",
        _tenant(),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_nano", sa.BigInteger(), nullable=False),
        sa.Column("call", sa.JSON(), nullable=False),
    )
    op.create_index("reservation_until", "reservation", ["until"])
    op.create_index("reservation_holder", "reservation", ["holder"])


def _ledger() -> None:
    counts = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens", "cost_nano")
    op.create_table(
        "call",
        _tenant(),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("completion_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("model", sa.String(220), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("api_key_id", sa.Uuid()),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.Column("usage_source", sa.String(10), nullable=False),
        sa.Column("price_version", sa.String(40), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("streamed", sa.Boolean(), nullable=False),
    )
    op.create_index("call_day", "call", ["tenant_id", "day"])
    op.create_index("call_completion", "call", ["tenant_id", "completion_id"])


def _wishes() -> None:
    op.create_table(
        "content",
        _tenant(),
        sa.Column("completion_id", sa.Uuid(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
    )
    op.create_index("content_at", "content", ["at"])
    op.create_table("options", _tenant(), sa.Column("options", sa.JSON(), nullable=False))
    op.create_table(
        "template",
        _tenant(),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("system", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "feedback",
        _tenant(),
        sa.Column("completion_id", sa.Uuid(), primary_key=True),
        sa.Column("model", sa.String(220), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("feedback_model", "feedback", ["tenant_id", "model"])


def upgrade() -> None:
    """Apply."""
    _money()
    _ledger()
    _wishes()
    op.create_table(
        "price",
        sa.Column("version", sa.String(40), primary_key=True),
        sa.Column("model", sa.String(220), primary_key=True),
        sa.Column("entry", sa.JSON(), nullable=False),
    )
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    expose(op.get_bind())
    for table in reversed(TABLES):
        op.drop_table(table)
