"""`converto user`: accounts that an operator opens, closes and opens again."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from converto.app import migrate
from converto.auth.interface import Auth
from converto.auth.people import Client, SignedIn
from converto.auth.settings import AuthSettings
from converto.auth.sign_in.interface import Registration
from converto.kernel.actor import Actor
from converto.kernel.config import Settings
from converto.kernel.errors import Error
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.modules import installed


def create(settings: Settings, registration: Registration) -> int:
    """Open an account and its company, and print their ids; returns the exit code: 1 when it is refused."""
    try:
        opened = asyncio.run(_create(settings, registration))
    except Error as error:
        print(f"converto: {error.detail}", file=sys.stderr)
        return 1
    print(f"user    {opened.user.id}  {opened.user.email}\ncompany {opened.tenant.id}  {opened.tenant.name}")
    return 0


def disable(settings: Settings, email: str) -> int:
    """Let a person in no more, and end their sessions; returns the exit code: 1 where nobody has this address."""
    return _said(settings, lambda auth: auth.disable_user(email), lambda done: f"disabled; sessions ended: {done.ended}")


def enable(settings: Settings, email: str) -> int:
    """Let a person in again; returns the exit code: 1 where nobody has this address."""
    return _said(settings, lambda auth: auth.enable_user(email), lambda _: "enabled")


def _said(settings: Settings, ask: Callable[[Auth], Awaitable[Any]], told: Callable[[Any], str]) -> int:
    async def asked() -> Any:
        async with _auth(settings) as auth:
            return await ask(auth)

    try:
        print(told(asyncio.run(asked())))
    except Error as error:
        print(f"converto: {error.detail}", file=sys.stderr)
        return 1
    return 0


@asynccontextmanager
async def _auth(settings: Settings) -> AsyncIterator[Auth]:
    """Open the keeper of people alone, with the door open: whoever may run commands here may open accounts."""
    alone = settings.model_copy(update={"modules": ("auth",), "remote": {}})
    await migrate(alone)
    unlocked: Any = partial(AuthSettings, registration_open=True)
    modules = [replace(module, settings=unlocked) if module.interface is Auth else module for module in installed()]
    runtime = Runtime(alone, modules, metrics=new_registry())
    async with runtime.running():
        auth: Any = runtime.interfaces[Auth]  # type: ignore[type-abstract]
        yield auth


async def _create(settings: Settings, registration: Registration) -> SignedIn:
    async with _auth(settings) as auth:
        opened: SignedIn = await auth.register(registration, Client(user_agent="converto user create"))
        actor: Actor = await auth.authenticate(opened.access_token)
        await auth.logout(actor)  # nobody was handed its tokens
    return opened
