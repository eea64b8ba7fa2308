"""Starts the processes of the trial of usage: one line of JSON on stdin for each, answered by its number.

They are forked off a process that has imported everything, so that one comes back at once after it was killed.
"""

import asyncio
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel, SecretStr

from converto.billing.interface import LimitReached, Usage
from converto.billing.module import module
from converto.kernel import log
from converto.kernel.actor import Actor
from converto.kernel.config import Environment, Settings
from converto.kernel.errors import Error
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime

DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG."""
AT_ONCE = 300
"""So many wait for their answers at the same moment, in each process."""


class Plan(BaseModel):
    """What a process counts."""

    folder: Path
    url: str | None
    tenant: UUID
    keys: Path
    answers: Path
    """Gets a line for each key once it is answered."""


async def run(plan: Plan) -> None:
    """Count until there are no more keys."""
    secret = SecretStr(plan.url) if plan.url is not None else None
    settings = Settings(environment=Environment.TEST, data_dir=plan.folder, database_url=secret, modules=("billing",))
    runtime = Runtime(settings, [module], metrics=new_registry())
    actor = Actor(tenant_id=plan.tenant, scopes=frozenset({"billing:write"}))
    async with runtime.running():
        service: Any = runtime.hosted["billing"].service
        keys = iter(plan.keys.read_text().split())
        answers = os.open(plan.answers, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        async def work() -> None:
            for key in keys:
                os.write(answers, f"{await outcome(service, actor, key)} {key}\n".encode())

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def outcome(service: Any, actor: Actor, key: str) -> str:
    """Have one increment counted, asked again until it is answered."""
    usage = Usage(feature="ocr_scans_per_month", quantity=1, idempotency_key=key)
    while True:
        try:
            await service.record(actor, usage)
        except LimitReached:
            return "refused"
        except Error:  # the database is away
            await asyncio.sleep(0.05)
        else:
            return "counted"


def main() -> None:
    """Fork a process for each plan on stdin, and end with whoever started this."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    log.configure(level="critical", log_format="json")  # that the database is away is no news here
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)
            asyncio.run(run(Plan.model_validate_json(line)))
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
