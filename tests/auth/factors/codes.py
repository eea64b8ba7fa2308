"""An authenticator app made of software, and how a person sets it up."""

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pydantic import SecretStr

from converto.kernel.clock import now
from tests.auth.conftest import House
from tests.auth.factors.conftest import Someone

STEP = timedelta(seconds=30)
everywhere = pytest.mark.parametrize("house", ["local", "remote"], indirect=True, scope="module")
"""Runs a test in this process on SQLite, and by calls to another on PostgreSQL."""


@dataclass
class App:
    """An authenticator app with one account in it, as RFC 6238 describes it."""

    secret: str = field(repr=False)
    recovery_codes: tuple[str, ...] = ()
    confirmed_by: SecretStr = field(default_factory=lambda: SecretStr(""))

    def next(self) -> SecretStr:
        """Return the code of the next step: it is taken already, and the one that confirmed the app is older, however slow the machine."""
        return self.code(1)

    def code(self, steps: int = 0) -> SecretStr:
        """Return the code of now, or of so many steps later."""
        counter = int((now() + steps * STEP).timestamp()) // 30
        key = base64.b32decode(self.secret + "=" * (-len(self.secret) % 8))
        digest = hmac.digest(key, struct.pack(">Q", counter), hashlib.sha1)
        start = digest[-1] & 0x0F
        number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
        return SecretStr(f"{number % 1_000_000:06}")


async def set_up(house: House, person: Someone) -> App:
    """Set an app up for somebody."""
    app = App((await house.auth.start_totp(person.actor)).secret)
    app.confirmed_by = app.code()
    confirmed = await house.auth.confirm_totp(person.actor, app.confirmed_by)
    app.recovery_codes = confirmed.recovery_codes
    return app
