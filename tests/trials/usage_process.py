"""One process that counts: takes keys from its standard input, has them counted, and prints each once it is answered."""

import asyncio
import os
import sys
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from converto.billing.interface import LimitReached, Usage
from converto.billing.module import module
from converto.kernel.actor import Actor
from converto.kernel.config import Environment, Settings
from converto.kernel.errors import Error
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime

AT_ONCE = 100


async def main(folder: str, url: str, tenant: str) -> None:
    """Count until there are no more keys."""
    secret = SecretStr(url) if url != "-" else None
    settings = Settings(environment=Environment.TEST, data_dir=Path(folder), database_url=secret, modules=("billing",))
    runtime = Runtime(settings, [module], metrics=new_registry())
    actor = Actor(tenant_id=UUID(tenant), scopes=frozenset({"billing:write"}))
    async with runtime.running():
        service = runtime.hosted["billing"].service
        keys = iter(sys.stdin.read().split())

        async def work() -> None:
            for key in keys:
                while True:
                    try:
                        await service.record(actor, Usage(feature="ocr_scans_per_month", quantity=1, idempotency_key=key))  # type: ignore[attr-defined]
                    except LimitReached:
                        print(f"refused {key}", flush=True)
                    except Error:
                        await asyncio.sleep(0.05)
                        continue
                    else:
                        print(f"counted {key}", flush=True)
                    break

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
