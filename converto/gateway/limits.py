"""What a principal may send: by its company's plan, and to each module; counted together by all processes where Redis is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from converto.gateway.plans import Plans
from converto.gateway.rates import CountsTogether, Measure, NobodyCounts, Quota, Rates, TooManyRequests
from converto.kernel.actor import Actor
from converto.kernel.errors import Unavailable

PLAN_FOR_S = 60.0
"""For so long a company's plan is remembered."""
PLANS_REMEMBERED = 10_000
SIGNING_IN = "sign-in"


class SignInUncounted(Unavailable):
    """Nobody counts how often somebody tries to sign in, so nobody may."""

    code = "gateway.sign_in_uncounted"
    message = "Signing in is not possible for a moment; try again in {retry_after_s} s."


@dataclass(frozen=True, slots=True)
class Shared:
    """A quota as all processes count it together, and as this one does while they cannot."""

    together: Measure
    alone: Measure

    @classmethod
    def of(cls, name: str, a_minute: int, *, processes: int) -> "Shared":
        """Return a quota that so many processes share."""
        quota = Quota(name, a_minute)
        return cls(Measure.of(quota), Measure.of(quota.shared_by(processes)))


class Standing(NamedTuple):
    """How somebody stands after a request: what the answer says of it, and the error where it was one too many."""

    headers: tuple[tuple[bytes, bytes], ...]
    refusal: TooManyRequests | None = None


class Limits:
    """Counts requests by principal."""

    def __init__(
        self,
        plans: Plans,
        by_plan: Mapping[str, int],
        by_module: Mapping[str, int],
        *,
        sign_in: int,
        processes: int = 1,
        together: CountsTogether | None = None,
        rates: Rates | None = None,
    ) -> None:
        self._plans = plans
        self._by_plan = {name: Shared.of(name, number, processes=processes) for name, number in by_plan.items()}
        self._by_module = {name: Shared.of(name, number, processes=processes) for name, number in by_module.items()}
        self._sign_in = Shared.of(SIGNING_IN, sign_in, processes=processes)
        self._shared = together
        self._rates = rates or Rates()
        self._known_plans: dict[UUID, tuple[Shared, float]] = {}
        self.refused: dict[str, int] = {}

    def at_once(self, actor: Actor, module: str) -> Standing | None:
        """Count a request of somebody who is signed in, where nobody else has to be asked; None where `of_principal` has to."""
        known = self._known_plans.get(actor.tenant_id)
        if known is None or self._shared is not None or monotonic() >= known[1]:
            return None
        of_module = self._by_module.get(module)
        measures = (known[0].together,) if of_module is None else (known[0].together, of_module.together)
        who = actor.api_key_id or actor.user_id
        key = (actor.tenant_id.int, 0 if who is None else who.int)
        return self._standing(measures, self._rates.take_all(key, measures))

    async def of_principal(self, actor: Actor, module: str) -> Standing:
        """Count a request of somebody who is signed in."""
        known = self._known_plans.get(actor.tenant_id)
        plan = known[0] if known is not None and monotonic() < known[1] else await self._look_up(actor.tenant_id)
        standing = self.at_once(actor, module)
        if standing is not None:
            return standing
        of_module = self._by_module.get(module)
        quotas = (plan,) if of_module is None else (plan, of_module)
        return await self._take(f"{actor.tenant_id}:{actor.kind.value}:{actor.api_key_id or actor.user_id}", quotas)

    async def of_nobody(self, address: str, module: str) -> Standing | None:
        """Count a request of an address that is not signed in, where its module has a limit."""
        of_module = self._by_module.get(module)
        return None if of_module is None else await self._take(address, (of_module,))

    async def of_sign_in(self, address: str) -> Standing:
        """Count a try to sign in. Raises SignInUncounted where those who count together cannot."""
        if self._shared is not None:
            try:
                return await self._together(self._shared, address, (self._sign_in,))
            except NobodyCounts as error:
                raise SignInUncounted(retry_after_s=1) from error
        return await self._take(address, (self._sign_in,))

    async def _take(self, key: str, quotas: Sequence[Shared]) -> Standing:
        if self._shared is None:
            return self._standing(
                tuple(quota.together for quota in quotas), self._rates.take_all(key, [quota.together for quota in quotas])
            )
        try:
            return await self._together(self._shared, key, quotas)
        except NobodyCounts:
            alone = tuple(quota.alone for quota in quotas)
            return self._standing(alone, self._rates.take_all(key, alone))

    async def _together(self, counts: CountsTogether, key: str, quotas: Sequence[Shared]) -> Standing:
        together = tuple(quota.together for quota in quotas)
        return self._standing(together, await counts.take(key, together))

    def _standing(self, measures: Sequence[Measure], ahead_s: Sequence[float]) -> Standing:
        if len(measures) == 1:
            (measure,), (least,) = measures, ahead_s
            policy, told = measure.policy, measure.standing(least)
        else:
            policy = b", ".join([measure.policy for measure in measures])
            told = b", ".join([measure.standing(ahead) for measure, ahead in zip(measures, ahead_s, strict=True)])
            least, measure = min(zip(ahead_s, measures, strict=True), key=lambda one: one[0])
        headers = ((b"ratelimit", told), (b"ratelimit-policy", policy))
        if least >= 0:
            return Standing(headers)
        self.refused[measure.quota.name] = self.refused.get(measure.quota.name, 0) + 1
        return Standing(headers, measure.refusal(-least))

    async def _look_up(self, tenant_id: UUID) -> Shared:
        name = await self._plans.plan(tenant_id)
        plan = self._by_plan.get(name) or max(self._by_plan.values(), key=lambda known: known.together.quota.a_minute)
        if len(self._known_plans) >= PLANS_REMEMBERED:
            self._known_plans.clear()
        self._known_plans[tenant_id] = (plan, monotonic() + PLAN_FOR_S)
        return plan
