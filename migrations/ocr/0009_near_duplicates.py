"""By what documents are compared with one another."""

import datetime
import re
import unicodedata
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

AT_ONCE = 200
COLUMNS = (
    sa.Column("seller_id", sa.String(20)),
    sa.Column("seller_name", sa.String(200)),
    sa.Column("document_date", sa.Date()),
    sa.Column("total_cents", sa.BigInteger()),
    sa.Column("total_currency", sa.String(3)),
)


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("scan") as table:
        for column in COLUMNS:
            table.add_column(sa.Column(column.name, column.type))
        table.create_index("scan_total", ["tenant_id", "document_date", "total_cents"])
    fill(op.get_bind())


def fill(connection: sa.Connection) -> None:
    """Take in what was read before."""
    scan = sa.table(
        "scan",
        sa.column("tenant_id", sa.Uuid()),
        sa.column("id", sa.Uuid()),
        sa.column("reading", sa.JSON(none_as_null=True)),
        sa.column("corrections", sa.JSON(none_as_null=True)),
        *(sa.column(column.name, column.type) for column in COLUMNS),
    )
    if connection.dialect.name == "postgresql":  # the owner is behind the wall as well
        connection.execute(sa.text("SELECT set_config('app.scope', 'all', true)"))
    keys = connection.execute(sa.select(scan.c.tenant_id, scan.c.id).where(scan.c.reading.is_not(None))).all()
    for at in range(0, len(keys), AT_ONCE):
        wanted = sa.tuple_(scan.c.tenant_id, scan.c.id).in_([tuple(key) for key in keys[at : at + AT_ONCE]])
        for row in connection.execute(sa.select(scan).where(wanted)).all():
            one = (scan.c.tenant_id == row.tenant_id, scan.c.id == row.id)
            connection.execute(sa.update(scan).where(*one).values(likeness(row.reading["fields"], row.corrections or {})))
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT set_config('app.scope', '', true)"))


def likeness(fields: dict[str, Any], corrections: dict[str, Any]) -> dict[str, Any]:
    """Return by what a scan is compared, by the rule of the day this was written: what the program does later changes no migration."""
    found = {name: one["value"] for name, one in {**fields, **corrections}.items() if one is not None}
    name = unicodedata.normalize("NFKD", (found.get("vendor") or "").casefold())
    folded = re.sub(r"[\W_]+", " ", "".join(letter for letter in name if not unicodedata.combining(letter))).strip()
    day, total = found.get("date"), found.get("total")
    return {
        "seller_id": found.get("business_id"),
        "seller_name": folded[:200] or None,
        "document_date": datetime.date.fromisoformat(day) if day else None,
        "total_cents": int((Decimal(total["amount"]) * 100).to_integral_value()) if total else None,
        "total_currency": total["currency"] if total else None,
    }


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("scan") as table:
        table.drop_index("scan_total")
        for column in reversed(COLUMNS):
            table.drop_column(column.name)
