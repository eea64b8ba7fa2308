from collections.abc import Iterator

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import DeclarativeBase

from tests.architecture.source import program_modules

WITHOUT_TENANT_FIRST = {
    "users": "a person may belong to several companies",
    "tenants": "it is the tenant",
    "totp": "a person has one authenticator app for all their companies",
    "recovery_codes": "they belong to the app",
    "passkeys": "a person has them for all their companies",
    "passkey_challenges": "whoever signs in by passkey acts for no tenant yet",
    "identities": "who a person is elsewhere holds for all their companies",
    "oidc_flows": "whoever is on the way to a provider acts for no tenant yet",
    "signing_keys": "its rows are the program's own: one set of keys signs for all tenants",
    "sign_in_failures": "whoever fails to sign in acts for no tenant yet",
    "mailed_tokens": "who brings what a letter brought acts for no tenant yet",
    "devices": "a device is known to its person, in whichever company",
    "outbox": "its rows are the program's own: the relay takes whatever is due, of all tenants",
    "inbox": "its rows are the program's own: a subscriber takes whatever is due, of all tenants",
    "price": "its rows are the program's own: what a version of a public table of prices says",
    "stripe_event": "a webhook is kept before anybody knows whose it is",
    "event_log": "its positions are one order of all tenants; each is given the rows of its own",
}


def test_a_table_has_the_tenant_first_in_its_key_or_a_reason_why_not() -> None:
    tenantless = {table.name for table in _tables() if _first_of_key(table) != "tenant_id"}
    assert tenantless == set(WITHOUT_TENANT_FIRST)


def test_a_table_has_a_key() -> None:
    assert [table.name for table in _tables() if _first_of_key(table) is None] == []


def _tables() -> Iterator[Table]:
    seen: set[int] = set()
    for module in list(program_modules()):  # all of them first: a table is known once its own module is loaded
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, DeclarativeBase) and thing is not DeclarativeBase:
                tables: MetaData = thing.metadata
            elif isinstance(thing, MetaData):
                tables = thing
            else:
                continue
            if id(tables) not in seen:
                seen.add(id(tables))
                yield from tables.tables.values()


def _first_of_key(table: Table) -> str | None:
    return next((column.name for column in table.primary_key.columns), None)
