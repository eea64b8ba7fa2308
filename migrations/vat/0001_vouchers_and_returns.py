"""Vouchers, entries, returns and periods, and triggers that let nothing of what was booked or filed change."""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

from converto.kernel.row_security import expose, protect

revision = "0001"
down_revision = None

TABLES = ("voucher", "entry", "chain_head", "voucher_counter", "filed_return", "correction", "period_regime")
LOCKED = """
  EXISTS (SELECT 1 FROM filed_return f WHERE f.tenant_id = NEW.tenant_id AND NEW.tax_date BETWEEN f.first AND f.last)
  AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.tenant_id = NEW.tenant_id AND NEW.tax_date BETWEEN c.first AND c.last)
  AND NEW.voucher_id IS NOT NULL
"""
CHANGED = "a booked voucher is never changed: reverse it"
ENTERED = "an entry is never changed"
FILED = "a filed return is never changed: replace it"
CLOSED = "the period is filed: open a replacement first"


def _tenant() -> sa.Column[UUID]:
    return sa.Column("tenant_id", sa.Uuid(), primary_key=True)


def _tables() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "voucher",
        _tenant(),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("year", sa.Integer()),
        sa.Column("number", sa.Integer()),
        sa.Column("tax_date", sa.Date(), nullable=False),
        sa.Column("document_date", sa.Date(), nullable=False),
        sa.Column("seller_id", sa.String(200)),
        sa.Column("iban", sa.String(200)),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("original_sha256", sa.String(64)),
        sa.Column("scan_id", sa.Uuid()),
        sa.Column("reverses", sa.Uuid()),
        sa.Column("event_id", sa.Uuid()),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.UniqueConstraint("tenant_id", "year", "number", name="voucher_number"),
        sa.UniqueConstraint("tenant_id", "reverses", name="voucher_reverses"),
        sa.UniqueConstraint("tenant_id", "event_id", name="voucher_event"),
    )
    op.create_index("voucher_day", "voucher", ["tenant_id", "tax_date"])
    op.create_index("voucher_seller", "voucher", ["tenant_id", "seller_id", "total_cents"])
    op.create_index("voucher_original", "voucher", ["tenant_id", "original_sha256"])
    op.create_table(
        "entry",
        _tenant(),
        sa.Column("number", sa.BigInteger(), primary_key=True),
        sa.Column("voucher_id", sa.Uuid()),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("tax_date", sa.Date(), nullable=False),
        sa.Column("treatment", sa.String(40)),
        sa.Column("base_box", sa.String(3)),
        sa.Column("tax_box", sa.String(3)),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("net_cents", "vat_cents", "deductible_cents")),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_index("entry_day", "entry", ["tenant_id", "tax_date"])
    op.create_index("entry_voucher", "entry", ["tenant_id", "voucher_id"])
    op.create_table(
        "chain_head",
        _tenant(),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "voucher_counter",
        _tenant(),
        sa.Column("year", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("last", sa.Integer(), nullable=False),
    )
    op.create_table(
        "filed_return",
        _tenant(),
        sa.Column("period", sa.String(10), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    op.create_table(
        "correction",
        _tenant(),
        sa.Column("period", sa.String(10), primary_key=True),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("opened_by", sa.Uuid()),
    )
    op.create_table(
        "period_regime",
        _tenant(),
        sa.Column("valid_from", sa.Date(), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("set_at", moment, nullable=False),
    )


def _guard_file() -> None:
    guards = (
        ("voucher_stays", "UPDATE ON voucher", "OLD.number IS NOT NULL", CHANGED),
        ("voucher_is_kept", "DELETE ON voucher", "OLD.number IS NOT NULL", CHANGED),
        ("entry_stays", "UPDATE ON entry", "1", ENTERED),
        ("entry_is_kept", "DELETE ON entry", "1", ENTERED),
        ("entry_is_of_an_open_period", "INSERT ON entry", LOCKED, CLOSED),
        ("filed_return_stays", "UPDATE ON filed_return", "1", FILED),
        ("filed_return_is_kept", "DELETE ON filed_return", "1", FILED),
    )
    for name, event, condition, said in guards:
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{said}'); END")


def _guard_schema() -> None:
    # `::text`: a row with JSON in it cannot be compared; and what is written again as it was, is no change
    guards = (
        ("voucher", "UPDATE OR DELETE", "OLD.number IS NOT NULL AND (TG_OP = 'DELETE' OR NEW::text IS DISTINCT FROM OLD::text)", CHANGED),
        ("entry", "UPDATE OR DELETE", "TG_OP = 'DELETE' OR NEW::text IS DISTINCT FROM OLD::text", ENTERED),
        ("filed_return", "UPDATE OR DELETE", "TG_OP = 'DELETE' OR NEW::text IS DISTINCT FROM OLD::text", FILED),
        ("entry", "INSERT", LOCKED, CLOSED),
    )
    for table, event, condition, said in guards:
        name = f"{table}_{'is_of_an_open_period' if event == 'INSERT' else 'stays'}"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {_qualified(condition)} THEN "
            f"RAISE EXCEPTION '{said}' USING ERRCODE = 'restrict_violation'; END IF; "
            "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _qualified(condition: str) -> str:
    """Return a condition with the schema before each table: a function does not look into the schema that it was made in."""
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    for table in TABLES:
        condition = condition.replace(f" {table} ", f" {schema}.{table} ")
    return condition


def upgrade() -> None:
    """Apply."""
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _guard_file()
    else:
        _guard_schema()
    protect(op.get_bind())


def downgrade() -> None:
    """Undo."""
    expose(op.get_bind())
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        for name in ("voucher_stays", "entry_stays", "filed_return_stays", "entry_is_of_an_open_period"):
            op.execute(f"DROP FUNCTION {name}()")
