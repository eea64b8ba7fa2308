"""Nothing takes the place of what was booked or filed: not by writing over it, not by emptying a table, not by filing beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

CHANGED = "a booked voucher is never changed: reverse it"
ENTERED = "an entry is never changed"
FILED = "a filed return is never changed: replace it"
KEPT = {"voucher": CHANGED, "entry": ENTERED, "filed_return": FILED}
DAYS = {"voucher": ("voucher_day", "id"), "entry": ("entry_day", "number")}

# A booked voucher that another one would push out by a key that only one can have. SQLite's OR REPLACE removes such a row unheard.
SAME_VOUCHER = """
  EXISTS (SELECT 1 FROM voucher v WHERE v.tenant_id = NEW.tenant_id AND v.number IS NOT NULL AND
    (v.id = NEW.id OR (v.year = NEW.year AND v.number = NEW.number) OR v.reverses = NEW.reverses OR v.event_id = NEW.event_id)
    {but_itself})
"""
SAME_ENTRY = "EXISTS (SELECT 1 FROM entry e WHERE e.tenant_id = NEW.tenant_id AND e.number = NEW.number)"
SAME_RETURN = """
  EXISTS (SELECT 1 FROM filed_return f WHERE f.tenant_id = NEW.tenant_id AND f.period = NEW.period AND f.version = NEW.version)
"""
# A return that shares a day with one that is filed, while no replacement of its period is open.
BESIDE = """
  EXISTS (SELECT 1 FROM filed_return f WHERE f.tenant_id = NEW.tenant_id AND f.first <= NEW.last AND f.last >= NEW.first)
  AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.tenant_id = NEW.tenant_id AND c.period = NEW.period)
"""


def _days(columns: int) -> None:
    for table, (name, last) in DAYS.items():
        op.drop_index(name, table)
        op.create_index(name, table, ["tenant_id", "tax_date", last][:columns])


def _guard_file() -> None:
    guards = (
        ("voucher_is_not_replaced", "INSERT ON voucher", SAME_VOUCHER.format(but_itself=""), CHANGED),
        ("voucher_replaces_none", "UPDATE ON voucher", SAME_VOUCHER.format(but_itself="AND v.id <> OLD.id"), CHANGED),
        ("entry_is_not_replaced", "INSERT ON entry", SAME_ENTRY, ENTERED),
        ("filed_return_is_not_replaced", "INSERT ON filed_return", SAME_RETURN, FILED),
        ("filed_return_stands_alone", "INSERT ON filed_return", BESIDE, FILED),
    )
    for name, event, condition, said in guards:
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{said}'); END")


def _guard_schema() -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    for table, said in KEPT.items():
        _trigger(f"{table}_is_not_emptied", f"TRUNCATE ON {table} FOR EACH STATEMENT", "true", said)
    beside = BESIDE.replace("FROM filed_return ", f"FROM {schema}.filed_return ").replace("FROM correction ", f"FROM {schema}.correction ")
    _trigger("filed_return_stands_alone", "INSERT ON filed_return FOR EACH ROW", beside, FILED)


def _trigger(name: str, event: str, condition: str, said: str) -> None:
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN "
        f"RAISE EXCEPTION '{said}' USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} EXECUTE FUNCTION {name}()")


def upgrade() -> None:
    """Apply."""
    _days(3)
    if op.get_bind().dialect.name == "sqlite":
        _guard_file()
    else:
        _guard_schema()


def downgrade() -> None:
    """Undo."""
    _days(2)
    if op.get_bind().dialect.name == "sqlite":
        for name in ("voucher_is_not_replaced", "voucher_replaces_none", "entry_is_not_replaced", "filed_return_is_not_replaced"):
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TRIGGER filed_return_stands_alone")
        return
    for table in KEPT:
        op.execute(f"DROP TRIGGER {table}_is_not_emptied ON {table}")
        op.execute(f"DROP FUNCTION {table}_is_not_emptied()")
    op.execute("DROP TRIGGER filed_return_stands_alone ON filed_return")
    op.execute("DROP FUNCTION filed_return_stands_alone()")
