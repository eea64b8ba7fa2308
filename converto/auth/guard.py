"""Lets people try to sign in, and counts how they fail."""

from datetime import datetime
from typing import Protocol

from converto.auth.people import Client, TooManyFailures
from converto.auth.repository import Failures
from converto.auth.settings import AuthSettings
from converto.auth.throttle import HOUR, LONGEST_NETWORK_WAIT_S, Tally, Throttle, Try, account_of, mark, network_of
from converto.kernel.clock import now
from converto.kernel.database import Database, Transaction


class Counts(Protocol):
    """Where failures are counted: every process of an installation counts in the same place."""

    async def count(self, this: Try, at: datetime) -> float | None:
        """Count a try as a failure; where it has to wait, count nothing and return for how many seconds. Raises Unavailable."""
        ...

    async def forget(self, session: Transaction, this: Try) -> None:
        """Take a try back that was right, with the failures before it. Raises Unavailable."""
        ...

    async def take_back(self, this: Try) -> None:
        """Take a try back that was never looked at. Raises Unavailable."""
        ...


class DatabaseCounts:
    """Counts in auth's own database."""

    def __init__(self, database: Database) -> None:
        self._database = database.across_tenants

    async def count(self, this: Try, at: datetime) -> float | None:
        """Count a try, or return for how many seconds it has to wait."""
        async with self._database.writing() as session:
            return await Failures(session).count(this, at)

    async def forget(self, session: Transaction, this: Try) -> None:
        """Take a try back in the transaction of the sign-in."""
        await Failures(session).forget(this, now())

    async def take_back(self, this: Try) -> None:
        """Take a try back, and nothing before it."""
        async with self._database.writing() as session:
            await Failures(session).take_back(this.tallies, now())


class Guard:
    """Counts a try before it is made: many at once would otherwise all be free. What is right takes the count back."""

    def __init__(self, counts: Counts, settings: AuthSettings) -> None:
        self._counts = counts
        longest_s = settings.longest_wait_s
        self._own = Throttle(free=settings.free_failures, longest_s=longest_s)
        self._account = Throttle(free=settings.free_failures_per_account, longest_s=longest_s)
        network_s = min(longest_s, LONGEST_NETWORK_WAIT_S)
        self._network = Throttle(free=settings.free_failures_per_network, longest_s=network_s, window=HOUR)
        self._all = Throttle(free=settings.free_failures_in_all, longest_s=0, window=HOUR)

    async def admit(self, email: str, client: Client, *, known_by: str | None) -> Try:
        """Let somebody try, and count it as a failure. Raises TooManyFailures, Unavailable.

        Whoever is known by a session, or by a device that the account's owner has signed in on before, is counted by it alone, whatever
        strangers do.
        """
        this = self._by_stranger(email, client) if known_by is None else self._by_known(email, known_by)
        wait_s = await self._counts.count(this, now())
        if wait_s is not None:
            raise TooManyFailures(retry_after_s=max(1, round(wait_s)))
        return this

    async def forget(self, session: Transaction, this: Try) -> None:
        """Take a try back that was right, with the failures before it, if the transaction commits."""
        await self._counts.forget(session, this)

    async def pardon(self, session: Transaction, email: str, client: Client) -> None:
        """Forget the failures for an account from everywhere: whoever reads its letters is its owner."""
        await self._counts.forget(session, Try(mine=self._by_stranger(email, client).mine))

    async def take_back(self, this: Try) -> None:
        """Take a try back that was never looked at, such as for want of a thread to hash in."""
        await self._counts.take_back(this)

    async def ask(self, purpose: str, client: Client) -> None:
        """Count what anybody may ask for, such as a letter, by their network. Raises TooManyFailures, Unavailable."""
        this = Try(mine=(Tally(mark(purpose, network_of(client.address)), self._network),))
        wait_s = await self._counts.count(this, now())
        if wait_s is not None:
            raise TooManyFailures(retry_after_s=max(1, round(wait_s)))

    def _by_stranger(self, email: str, client: Client) -> Try:
        network = network_of(client.address)
        return Try(
            mine=(Tally(account_of(email), self._account), Tally(mark("pair", email, network), self._own)),
            others=(Tally(mark("network", network), self._network),),
            alarm=Tally(mark("all"), self._all),
        )

    def _by_known(self, email: str, known_by: str) -> Try:
        return Try(mine=(Tally(mark("known", email, known_by), self._own),))
