"""`converto audit verify`: whether anybody has changed the audit logs behind our back."""

import asyncio
import sys
from collections.abc import Sequence
from uuid import UUID

from converto.auth.records.verification import Verdict, verify
from converto.commands.keeper import keeper
from converto.kernel.config import Settings


def verify_logs(settings: Settings, company: UUID | None) -> int:
    """Go along the log of every company, or of one, and print what was found; returns the exit code: 1 where one is not whole."""
    verdicts = asyncio.run(_verdicts(settings, company))
    for verdict in verdicts:
        if verdict.fault is None:
            print(f"whole   {verdict.tenant_id}  {verdict.entries} entries, the last {verdict.hash}")
        else:
            print(f"BROKEN  {verdict.tenant_id}  {verdict.fault}", file=sys.stderr)
    broken = sum(verdict.fault is not None for verdict in verdicts)
    print(f"{len(verdicts)} logs, {broken} broken")
    return 1 if broken else 0


async def _verdicts(settings: Settings, company: UUID | None) -> Sequence[Verdict]:
    async with keeper(settings) as own:
        return [verdict async for verdict in verify(own.database, only=company)]
