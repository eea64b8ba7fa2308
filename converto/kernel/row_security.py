"""Row-level security: PostgreSQL itself shows and changes the rows of one tenant alone, whatever a query forgets to ask for.

Each transaction says whom it works for, and works as a role that owns no table, so that it cannot take a policy away. A transaction that
does not say for whom sees nothing. SQLite has no such wall: there the repositories' own filters stand alone.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

ROLE: Final = "converto_app"
"""Owns nothing and cannot log in: what it may do is granted to it by the migrations."""
POLICY: Final = "tenant_rows"

# One statement, so that it costs one round trip. `true`: until the transaction ends; what outlived it would go to the next of the pool.
_ENTER = "SELECT set_config('role', $1, true), set_config('app.tenant_id', $2, true), set_config('app.scope', $3, true)"

# After a transaction that set it, a setting is empty rather than absent. The subqueries are run once a statement, not once a row.
_VISIBLE = """
  {column} = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.scope', true)) = 'all'
"""

# Before PostgreSQL 16 every member might take a role on; since then who made it is a member who may not, until granted.
_MAY_TAKE = "pg_has_role({role}, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)"

# Roles are of the whole server, so another database may make this one at the same moment. Where we may make none, an administrator may
# have; without it the policies still hold for the owner, for they are forced.
_MAKE_ROLE = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
    CREATE ROLE {ROLE} NOLOGIN;
  END IF;
  IF NOT {_MAY_TAKE.format(role=f"'{ROLE}'")} THEN
    GRANT {ROLE} TO CURRENT_USER;
  END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END $$
"""

_GRANT = f"""
DO $$
DECLARE place text := quote_ident(current_schema()); history text;
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
    EXECUTE 'GRANT USAGE ON SCHEMA ' || place || ' TO {ROLE}';
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ' || place || ' TO {ROLE}';
    EXECUTE 'GRANT USAGE ON ALL SEQUENCES IN SCHEMA ' || place || ' TO {ROLE}';
    EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA ' || place || ' GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE}';
    EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA ' || place || ' GRANT USAGE ON SEQUENCES TO {ROLE}';
    FOR history IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE '%\\_version' LOOP
      EXECUTE 'REVOKE INSERT, UPDATE, DELETE ON ' || history || ' FROM {ROLE}';
    END LOOP;
  END IF;
END $$
"""  # noqa: S608 - made of constants

_TENANT_TABLES = """
SELECT class.relname, attribute.attname
FROM pg_class class JOIN pg_attribute attribute ON attribute.attrelid = class.oid AND NOT attribute.attisdropped
WHERE class.relnamespace = current_schema()::regnamespace AND class.relkind IN ('r', 'p') AND attribute.attname = 'tenant_id'
"""


def protect(connection: Connection, also: Mapping[str, str] | None = None) -> None:
    """Put every table of the current schema that has a `tenant_id` behind the wall, and `also` these tables by another column.

    For migrations: whoever adds a table calls it again. Does nothing on SQLite.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql(_MAKE_ROLE)
    found = {row.relname: row.attname for row in connection.execute(text(_TENANT_TABLES))} | dict(also or {})
    for name, column in found.items():
        visible = _VISIBLE.format(column=column)
        for statement in (
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            f"DROP POLICY IF EXISTS {POLICY} ON {name}",
            f"CREATE POLICY {POLICY} ON {name} USING ({visible}) WITH CHECK ({visible})",
        ):
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(_GRANT)


def expose(connection: Connection) -> None:
    """Take the wall away again, for the way back of a migration."""
    if connection.dialect.name != "postgresql":
        return
    protected = "SELECT tablename FROM pg_policies WHERE schemaname = current_schema() AND policyname = :policy"
    for name in connection.scalars(text(protected), {"policy": POLICY}).all():
        connection.exec_driver_sql(f"DROP POLICY {POLICY} ON {name}")
        connection.exec_driver_sql(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")


async def role_for(connection: AsyncConnection, schema: str) -> str:
    """Return the role that transactions in a schema take on: none where this user may not, or where it was granted nothing there."""
    usable = f"""
        SELECT rolname FROM pg_roles WHERE rolname = :role AND {_MAY_TAKE.format(role="oid")}
        AND has_schema_privilege(oid, to_regnamespace(quote_ident(:schema))::oid, 'USAGE')
    """  # noqa: S608 - made of constants
    return await connection.scalar(text(usable), {"role": ROLE, "schema": schema}) or "none"


async def enter(connection: AsyncConnection, role: str, tenant_id: UUID | None, *, across_tenants: bool) -> None:
    """Say for whom the transaction works that has just begun."""
    scope = "all" if across_tenants else ""
    await connection.exec_driver_sql(_ENTER, (role, "" if tenant_id is None else str(tenant_id), scope))


async def holds(connection: AsyncConnection) -> bool:
    """Return whether the policies hold for whom the transaction works as: they do for nobody who may pass them by."""
    passes = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    return not await connection.scalar(text(passes))
