"""Makes the calls: one model after another until one answers, each reserved, watched and settled, whatever becomes of it."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import cast
from uuid import UUID

from converto.ai.accounts import Hold, Settled
from converto.ai.call import Call, Delta, Dialect, Result, UpstreamFailed, Usage
from converto.ai.catalogue import Prices, Spec
from converto.ai.conversation import Attempt, ChatRequest, Outcome, UsageSource
from converto.ai.figures import AiFigures
from converto.ai.health import Health
from converto.ai.ledger import Ledger
from converto.ai.refusals import AllBusy, BudgetExceeded, ProviderFailed, ProviderLimited, Rejected, Truncated
from converto.ai.selection import Choice, Demand, Ranking
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.context import current

SOFT_REACHED = "soft_budget_reached"
BYTES_PER_TOKEN = 4
"""What is estimated where a provider does not say what it counted."""
RETRIED = frozenset(
    {
        Outcome.RATE_LIMITED,
        Outcome.SERVER_ERROR,
        Outcome.UNREACHABLE,
        Outcome.TIMED_OUT,
        Outcome.MALFORMED,
        Outcome.TRUNCATED,
        Outcome.UNAUTHORISED,
    }
)
"""After what another model is asked. A request that is wrong is wrong for all."""


@dataclass(slots=True)
class Answer:
    """An answer, or as much as has come, and what it took."""

    spec: Spec
    result: Result
    usage: Usage
    usage_source: UsageSource
    cost_nano: int


@dataclass(slots=True)
class Order:
    """A question on its way through the models."""

    id: UUID
    actor: Actor
    request: ChatRequest
    demand: Demand
    ranking: Ranking
    streamed: bool = False
    at: datetime = field(default_factory=now)
    began: float = field(default_factory=monotonic)
    attempts: list[Attempt] = field(default_factory=list)
    failures: list[UpstreamFailed] = field(default_factory=list)
    warnings: set[str] = field(default_factory=set)

    @property
    def latency_ms(self) -> int:
        """How long it has taken so far."""
        return int((monotonic() - self.began) * 1000)


@dataclass(slots=True)
class _Try:
    """One call of a provider as far as it has come."""

    choice: Choice
    hold: Hold
    prices: Prices
    began: float = field(default_factory=monotonic)
    first: float | None = None
    said_bytes: int = 0
    usage: Usage | None = None

    def counted(self, outcome: Outcome, *, may_be_billed: bool) -> tuple[Usage, UsageSource]:
        """Return what it took, and who says so: what is not told by the provider, or not to the end, is estimated."""
        usage = self.usage
        if outcome is Outcome.OK and usage is not None:
            return usage, UsageSource.PROVIDER
        if outcome is not Outcome.OK and not may_be_billed and self.first is None:
            return Usage(), UsageSource.PROVIDER
        said = -(-self.said_bytes // BYTES_PER_TOKEN)
        if usage is not None:
            return Usage(usage.prompt, max(said, usage.completion), usage.cached, usage.cache_write), UsageSource.ESTIMATED
        return Usage(self.hold.floor_tokens, said), UsageSource.ESTIMATED


class Executor:
    """Asks models in the order of a ranking."""

    def __init__(
        self,
        dialects: Mapping[str, Dialect],
        keys: Mapping[str, tuple[str, ...]],
        ledger: Ledger,
        *,
        health: Health,
        figures: AiFigures,
        max_attempts: int,
    ) -> None:
        self._dialects = dialects
        self._keys = keys
        self._ledger = ledger
        self._health = health
        self._figures = figures
        self._max_attempts = max_attempts

    async def chat(self, order: Order) -> Answer:
        """Return an answer. Raises BudgetExceeded, AllBusy, ProviderFailed, ProviderLimited, Rejected, Truncated."""
        for choice in self._choices(order):
            tried = await self._begun(order, choice)
            try:
                result = await self._dialects[choice.spec.provider].chat(_call(order, choice.spec), key=self._key(choice))
            except UpstreamFailed as failure:
                self._failed(order, tried, failure)
                if failure.outcome not in RETRIED:
                    break
            except BaseException:
                self._ended(order, tried, Outcome.LEFT, may_be_billed=True)
                raise
            else:
                return self._answered(order, tried, result)
        raise _failure(order)

    async def stream(self, order: Order) -> AsyncGenerator[Delta | Answer]:
        """Yield an answer bit by bit, and its end. Another model is asked only as long as nothing has come. Raises what `chat` does."""
        for choice in self._choices(order):
            tried = await self._begun(order, choice)
            try:
                async with aclosing(self._told(order, tried)) as told:
                    async for piece in told:
                        yield piece
            except UpstreamFailed as failure:
                self._failed(order, tried, failure)
                if tried.first is not None:
                    raise Truncated(model=choice.spec.id) from failure
                if failure.outcome not in RETRIED:
                    break
            except BaseException:
                self._ended(order, tried, Outcome.LEFT, may_be_billed=True)
                raise
            else:
                return
        raise _failure(order)

    async def _told(self, order: Order, tried: _Try) -> AsyncGenerator[Delta | Answer]:
        choice = tried.choice
        pieces = self._dialects[choice.spec.provider].stream(_call(order, choice.spec), key=self._key(choice))
        async with aclosing(cast("AsyncGenerator[Delta | Result]", pieces)) as streamed:
            async for piece in streamed:
                if isinstance(piece, Result):
                    yield self._answered(order, tried, piece)
                    return
                tried.usage = piece.usage or tried.usage
                if piece.text or piece.tool_calls:
                    if tried.first is None:
                        tried.first = monotonic()
                    tried.said_bytes += len(piece.text.encode()) + sum(len(str(call.get("function"))) for call in piece.tool_calls)
                    yield piece

    def _choices(self, order: Order) -> Iterator[Choice]:
        """Yield the models to ask; the only one there is gets a second chance, for a connection may break by itself."""
        choices = list(order.ranking.choices)
        made = 0
        for choice in choices * 2 if len(choices) == 1 else choices:
            if made >= self._max_attempts:
                return
            if made and choice.pulse.rests_s > 0:
                continue  # its provider has failed meanwhile
            made += 1
            yield choice

    async def _begun(self, order: Order, choice: Choice) -> _Try:
        spec, demand = choice.spec, order.demand
        prices = cast("Prices", spec.prices)  # the selection offers none without
        floor = prices.cost_nano(Usage(demand.prompt_tokens))
        hold = Hold(
            id=new_id(),
            tenant_id=order.actor.tenant_id,
            completion_id=order.id,
            user_id=order.actor.user_id,
            api_key_id=order.actor.api_key_id,
            at=now(),
            amount=demand.worst_nano(spec),
            floor=floor,
            provider=spec.provider,
            model=spec.id,
            price_version=prices.version,
            floor_tokens=demand.prompt_tokens,
            streamed=order.streamed,
            trace_parent=current().trace_parent,
        )
        if await self._ledger.reserve(hold):
            order.warnings.add(SOFT_REACHED)
        choice.pulse.begun()
        return _Try(choice, hold, prices)

    def _key(self, choice: Choice) -> str:
        keys = self._keys.get(choice.spec.provider, ())
        return keys[choice.key] if choice.key < len(keys) else ""

    def _answered(self, order: Order, tried: _Try, result: Result) -> Answer:
        tried.usage = result.usage or tried.usage
        tried.said_bytes += len(result.text.encode()) + sum(len(str(call.get("function"))) for call in result.tool_calls)
        if result.headroom is not None:
            tried.choice.pulse.model.no_headroom(result.headroom)
        usage, source, cost = self._ended(order, tried, Outcome.OK, may_be_billed=True)
        self._health.said(usage.completion)
        return Answer(tried.choice.spec, result, usage, source, cost)

    def _failed(self, order: Order, tried: _Try, failure: UpstreamFailed) -> None:
        order.failures.append(failure)
        if failure.outcome is Outcome.UNAUTHORISED:
            tried.choice.pulse.model.refused(failure.outcome)
        self._ended(order, tried, failure.outcome, may_be_billed=failure.may_be_billed, retry_after_s=failure.retry_after_s)

    def _ended(
        self, order: Order, tried: _Try, outcome: Outcome, *, may_be_billed: bool, retry_after_s: float | None = None
    ) -> tuple[Usage, UsageSource, int]:
        latency_s = monotonic() - tried.began
        usage, source = tried.counted(outcome, may_be_billed=may_be_billed)
        cost = tried.prices.cost_nano(usage)
        first_s = None if tried.first is None else tried.first - tried.began
        tried.choice.pulse.ended(outcome, latency_s=latency_s, first_token_s=first_s, tokens=usage.completion, retry_after_s=retry_after_s)
        latency_ms = int(latency_s * 1000)
        order.attempts.append(Attempt(model=tried.choice.spec.id, outcome=outcome, latency_ms=latency_ms))
        self._ledger.settle(
            Settled(
                tried.hold,
                cost,
                outcome,
                source,
                latency_ms,
                prompt=usage.prompt,
                completion=usage.completion,
                cached=usage.cached,
                cache_write=usage.cache_write,
            )
        )
        self._figures.called(tried.choice.spec, outcome, latency_s, cost_nano=cost, usage=usage)
        self._figures.breaker(tried.choice.spec, is_open=tried.choice.pulse.rests_s > 0)
        return usage, source, cost


def _call(order: Order, spec: Spec) -> Call:
    request = order.request
    return Call(
        model=spec.model,
        messages=request.messages,
        max_tokens=order.demand.tokens_for(spec),
        temperature=None if spec.fixed_temperature else request.temperature,
        top_p=None if spec.fixed_temperature else request.top_p,
        stop=request.stop,
        response_schema=request.response_schema,
        tools=request.tools,
        tool_choice=request.tool_choice,
    )


def _failure(order: Order) -> BudgetExceeded | AllBusy | ProviderFailed | ProviderLimited | Rejected | Truncated:
    """Return what a caller is told where nothing has answered."""
    last = order.failures[-1]
    model = order.attempts[-1].model
    outcomes = {failure.outcome for failure in order.failures}
    if last.outcome is Outcome.REJECTED:
        return Rejected(model=model, reason=str(last) or "it does not say why")
    if outcomes == {Outcome.RATE_LIMITED}:
        return ProviderLimited(retry_after_s=max(1, round(min(failure.retry_after_s or 1 for failure in order.failures))))
    if outcomes == {Outcome.TRUNCATED}:
        return Truncated(model=model)
    summary = ", ".join(f"{attempt.model} {attempt.outcome.value}" for attempt in order.attempts)
    return ProviderFailed(summary=summary, attempts=[attempt.model_dump(mode="json") for attempt in order.attempts])
