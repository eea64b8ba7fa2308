"""What holds for which company: read beside what is counted, in the same transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from converto.billing.entitlements import Account, Granted, granted, granted_by_default
from converto.billing.plans import TRIAL, UNLIMITED
from converto.billing.repository import Accounts
from converto.kernel.database import Transaction


class Terms:
    """Knows by which rules companies get what they may do."""

    def __init__(self, default_plan: str, *, trial_days: int) -> None:
        self._default_plan = default_plan
        self._trial = timedelta(days=trial_days)

    @property
    def sells(self) -> bool:
        """Whether each company has a trial and then pays for a plan of its own."""
        return self._default_plan == TRIAL

    @property
    def is_unlimited(self) -> bool:
        """Whether nobody sells anything, and everything is allowed."""
        return self._default_plan == UNLIMITED

    async def granted(self, session: Transaction, tenant_ids: Collection[UUID], *, at: datetime) -> Mapping[UUID, Granted]:
        """Return what companies may do; the account of a new one is opened, and its trial begins, where plans are sold."""
        accounts = Accounts(session)
        known = await accounts.known(tenant_ids)
        if not self.sells:
            return {one: granted_by_default(self._default_plan, known.get(one, Account()), at) for one in tenant_ids}
        missing = [one for one in tenant_ids if one not in known or known[one].trial_ends_at is None]
        if missing:
            await self.open(session, missing, at=at)
            known = await accounts.known(tenant_ids)
        return {one: granted(known[one], at) for one in tenant_ids}

    async def open(self, session: Transaction, tenant_ids: Collection[UUID], *, at: datetime) -> None:
        """Open the accounts of companies that are new here, and begin their trials."""
        await Accounts(session).open(tenant_ids, at=at, trial_ends_at=at + self._trial)
