"""Full-text search: SQLite by FTS5, PostgreSQL by a text vector."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from converto.kernel.row_security import protect

# what is in the index has to be made by the very rules by which today's program asks it
from converto.ocr.search import texts_of, word_of_tenant, words_of

revision = "0006"
down_revision = "0005"

AT_ONCE = 200
NUMBER = 2**62 - 1
INDEX = "CREATE VIRTUAL TABLE scan_index USING fts5(words, content='scan_search', content_rowid='number', tokenize='unicode61', prefix='3')"
FORGET = "INSERT INTO scan_index(scan_index, rowid, words) VALUES ('delete', old.number, old.words);"
ADD = "INSERT INTO scan_index(rowid, words) VALUES (new.number, new.words);"
TRIGGERS = (
    f"CREATE TRIGGER scan_search_added AFTER INSERT ON scan_search BEGIN {ADD} END",
    f"CREATE TRIGGER scan_search_removed AFTER DELETE ON scan_search BEGIN {FORGET} END",
    f"CREATE TRIGGER scan_search_changed AFTER UPDATE ON scan_search BEGIN {FORGET} {ADD} END",
)


def upgrade() -> None:
    """Apply."""
    search = op.create_table(
        "scan_search",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("scan_id", sa.Uuid(), primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
        sa.UniqueConstraint("number", name="scan_search_number"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in (INDEX, *TRIGGERS):
            connection.exec_driver_sql(statement)
    protect(connection)
    fill(connection, search)


def fill(connection: sa.Connection, search: sa.Table) -> None:
    """Take in what was read before."""
    scan = sa.table(
        "scan",
        sa.column("tenant_id", sa.Uuid()),
        sa.column("id", sa.Uuid()),
        sa.column("filename", sa.String()),
        sa.column("reading", sa.JSON()),
        sa.column("corrections", sa.JSON()),
    )
    if connection.dialect.name == "postgresql":  # the owner is behind the wall as well
        connection.execute(sa.text("SELECT set_config('app.scope', 'all', true)"))
    keys = connection.execute(sa.select(scan.c.tenant_id, scan.c.id)).all()
    for at in range(0, len(keys), AT_ONCE):
        wanted = sa.tuple_(scan.c.tenant_id, scan.c.id).in_([tuple(key) for key in keys[at : at + AT_ONCE]])
        rows = [
            {
                "tenant_id": row.tenant_id,
                "scan_id": row.id,
                "number": row.id.int & NUMBER,
                "words": words_of([word_of_tenant(row.tenant_id), *texts_of(row.filename, row.reading, row.corrections)]),
            }
            for row in connection.execute(sa.select(scan).where(wanted))
        ]
        connection.execute(sa.insert(search), rows)
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT set_config('app.scope', '', true)"))


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("scan_index")
    op.drop_table("scan_search")
