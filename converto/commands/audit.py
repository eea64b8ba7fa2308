"""`converto audit verify`: whether anybody has changed the audit logs, or what is booked, behind our back."""

import asyncio
import sys
from collections.abc import Sequence
from uuid import UUID

from converto.auth.records.verification import verify as verify_log
from converto.commands.books import books
from converto.commands.keeper import keeper
from converto.kernel.config import Settings
from converto.kernel.sealed_chain import Verdict
from converto.vat.chain import verify as verify_books


def verify_logs(settings: Settings, company: UUID | None) -> int:
    """Go along the log and the entries of every company, or of one, and print what was found; returns 1 where one is not whole."""
    logs = asyncio.run(_logs(settings, company))
    _show(logs, "logs")
    entries = asyncio.run(_entries(settings, company))
    _show(entries, "chains of VAT entries")
    return 1 if any(one.fault for one in logs) or any(one.fault for one in entries) else 0


def _show(verdicts: Sequence[Verdict], what: str) -> None:
    for verdict in verdicts:
        if verdict.fault is None:
            print(f"whole   {verdict.tenant_id}  {verdict.entries} entries, the last {verdict.hash}")
        else:
            print(f"BROKEN  {verdict.tenant_id}  {verdict.fault}", file=sys.stderr)
    print(f"{len(verdicts)} {what}, {sum(verdict.fault is not None for verdict in verdicts)} broken")


async def _logs(settings: Settings, company: UUID | None) -> Sequence[Verdict]:
    async with keeper(settings) as own:
        return [verdict async for verdict in verify_log(own.database, only=company)]


async def _entries(settings: Settings, company: UUID | None) -> Sequence[Verdict]:
    async with books(settings) as own:
        return [verdict async for verdict in verify_books(own.database, only=company)]
