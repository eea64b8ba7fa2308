"""Asks language models, whichever is right, and keeps account of what they cost."""

import datetime
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from uuid import UUID

from converto.ai import showing
from converto.ai.answer_cache import AnswerCache, key_of
from converto.ai.call import Delta
from converto.ai.catalogue import Catalogue
from converto.ai.conversation import ChatRequest, Completion, Piece
from converto.ai.demand import demand_of
from converto.ai.executor import Answer, Executor, Order
from converto.ai.figures import AiFigures
from converto.ai.guardrails import check_size, masked
from converto.ai.health import Health
from converto.ai.interface import (
    Ai,
    AiHealth,
    Budget,
    BudgetChange,
    Budgets,
    Feedback,
    LoggedCall,
    LoggedContent,
    Models,
    NewTemplate,
    Options,
    Template,
    UsageReport,
)
from converto.ai.ledger import Ledger
from converto.ai.money import Spending
from converto.ai.paid import PlanRoom
from converto.ai.providers import WHAT_TO_SET, Providers
from converto.ai.refusals import NoProvider, NothingAsked
from converto.ai.selection import Selector
from converto.ai.settings import AiSettings
from converto.ai.wishes import CompanyWishes
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.database import Database
from converto.kernel.paging import Page, after
from converto.kernel.paid_work import PaidWork

DIMENSIONS = frozenset({"day", "model", "member", "api_key"})


class AiService(Ai):
    """Puts questions to models by way of the guardrails, the cache, the selection and the ledger."""

    def __init__(
        self,
        database: Database,
        settings: AiSettings,
        *,
        catalogue: Catalogue,
        providers: Providers,
        ledger: Ledger,
        figures: AiFigures,
        paid_work: PaidWork,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._providers = providers
        self._figures = figures
        self._plan = PlanRoom(paid_work, catalogue.exchange)
        self._health = Health(cooldown_s=settings.cooldown_s)
        self._cache = AnswerCache(ttl_s=settings.cache_ttl_s, max_bytes=settings.cache_max_bytes)
        self._spending = Spending(database, catalogue.exchange)
        keys = {provider: len(found) for provider, found in providers.keys.items()}
        self._selector = Selector(catalogue.specs, keys, self._health, exchange=catalogue.exchange)
        self._executor = Executor(
            providers.dialects, providers.keys, ledger, health=self._health, figures=figures, max_attempts=settings.max_attempts
        )
        self.ledger = ledger
        self.wishes = CompanyWishes(database)

    async def chat(self, actor: Actor, request: ChatRequest) -> Completion:
        """See `Ai.chat`."""
        actor.require("ai:write")
        asked, options, counts = await self._checked(actor, request)
        if not self._cache.takes(request):
            return await self._ask(actor, asked, options=options, counts=counts)
        key = key_of(actor.tenant_id, asked, options)
        found = self._cache.found(key)
        if found is not None:
            self._figures.cache("hit")
            return showing.again(found)
        completion, joined = await self._cache.once(key, lambda: self._ask(actor, asked, options=options, counts=counts))
        self._cache.keep(key, completion)
        self._figures.cache("joined" if joined else "miss")
        return showing.again(completion) if joined else completion

    async def chat_stream(self, actor: Actor, request: ChatRequest) -> AsyncIterator[Piece]:
        """See `Ai.chat_stream`."""
        actor.require("ai:write")
        asked, options, counts = await self._checked(actor, request)
        key = key_of(actor.tenant_id, asked, options) if self._cache.takes(request) else None
        found = self._cache.found(key) if key is not None else None
        if found is not None:
            self._figures.cache("hit")
            yield Piece(text=found.text, tool_calls=found.tool_calls, completion=showing.again(found))
            return
        order = await self._order(actor, asked, options, streamed=True)
        told = showing.Told()
        async with self._plan.held(order), aclosing(self._executor.stream(order)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    completion = showing.completion_of(order, piece, exchange=self._catalogue.exchange, masked=counts, told=told)
                    await self._kept(actor, asked, completion, options=options)
                    if key is not None:
                        self._cache.keep(key, completion)
                    yield Piece.model_construct(text="", tool_calls=(), completion=completion)
                elif isinstance(piece, Delta):
                    told.take(piece)
                    yield Piece.model_construct(text=piece.text, tool_calls=piece.tool_calls, completion=None)

    async def _checked(self, actor: Actor, request: ChatRequest) -> tuple[ChatRequest, Options, Mapping[str, int]]:
        """Return a question as it may be put, how the company wants it put, and what was masked in it."""
        if not self._catalogue.specs:
            raise NoProvider(settings=WHAT_TO_SET)
        options, _ = await self.wishes.of(actor.tenant_id)
        asked = await self.wishes.filled(actor.tenant_id, request)
        if not asked.messages:
            raise NothingAsked
        check_size(asked, max_prompt_bytes=self._settings.max_prompt_bytes, max_image_bytes=self._settings.max_image_bytes)
        if not (options.mask_pii if request.mask_pii is None else request.mask_pii):
            return asked, options, {}
        hidden, counts = masked(asked)
        return hidden, options, counts

    async def _order(self, actor: Actor, asked: ChatRequest, options: Options, *, streamed: bool) -> Order:
        _, judged = await self.wishes.of(actor.tenant_id)
        max_cost = self._spending.nano(asked.max_cost)
        demand = demand_of(asked, default_max_tokens=self._settings.default_max_tokens, max_cost_nano=max_cost)
        ranking = self._selector.rank(asked, demand, options, judged=judged)
        return Order(new_id(), actor, asked, demand, ranking, streamed=streamed)

    async def _ask(self, actor: Actor, asked: ChatRequest, *, options: Options, counts: Mapping[str, int]) -> Completion:
        order = await self._order(actor, asked, options, streamed=False)
        async with self._plan.held(order):
            answer = await self._executor.chat(order)
        completion = showing.completion_of(order, answer, exchange=self._catalogue.exchange, masked=counts)
        await self._kept(actor, asked, completion, options=options)
        return completion

    async def _kept(self, actor: Actor, asked: ChatRequest, completion: Completion, *, options: Options) -> None:
        if options.keep_content:
            await self.wishes.keep(actor.tenant_id, completion.id, request=asked, answer=completion.text)

    async def models(self, actor: Actor) -> Models:
        """See `Ai.models`."""
        actor.require("ai:read")
        options, judged = await self.wishes.of(actor.tenant_id)
        return showing.models_of(self._catalogue, self._health, options=options, judged=judged)

    async def usage(self, actor: Actor, since: datetime.date, until: datetime.date, *, by: tuple[str, ...]) -> UsageReport:
        """See `Ai.usage`."""
        actor.require("ai:read")
        await self.ledger.flushed()
        wanted: Sequence[str] = [name for name in dict.fromkeys(by) if name in DIMENSIONS]
        return await self._spending.usage(actor.tenant_id, since, until=until, by=wanted)

    async def budgets(self, actor: Actor) -> Budgets:
        """See `Ai.budgets`."""
        actor.require("ai:read")
        await self.ledger.flushed()
        return Budgets(items=await self._spending.budgets(actor.tenant_id))

    async def set_budget(self, actor: Actor, change: BudgetChange) -> Budget:
        """See `Ai.set_budget`."""
        actor.require("billing:write")
        return await self._spending.set_budget(actor.tenant_id, change)

    async def options(self, actor: Actor) -> Options:
        """See `Ai.options`."""
        actor.require("ai:read")
        return (await self.wishes.of(actor.tenant_id))[0]

    async def set_options(self, actor: Actor, options: Options) -> Options:
        """See `Ai.set_options`."""
        actor.require("billing:write")
        await self.wishes.set_options(actor.tenant_id, options)
        return options

    async def add_template(self, actor: Actor, template: NewTemplate) -> Template:
        """See `Ai.add_template`."""
        actor.require("ai:write")
        return await self.wishes.add_template(actor.tenant_id, template)

    async def templates(self, actor: Actor) -> tuple[Template, ...]:
        """See `Ai.templates`."""
        actor.require("ai:read")
        return await self.wishes.templates(actor.tenant_id)

    async def template(self, actor: Actor, name: str, *, version: int | None = None) -> Template:
        """See `Ai.template`."""
        actor.require("ai:read")
        return await self.wishes.template(actor.tenant_id, name, version)

    async def calls(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[LoggedCall]:
        """See `Ai.calls`."""
        actor.require("ai:read")
        await self.ledger.flushed()
        found = await self._spending.calls(actor.tenant_id, limit=limit + 1, after=after(cursor))
        return Page[LoggedCall].of(found, limit, cursor=lambda call: call.id)

    async def content(self, actor: Actor, completion_id: UUID) -> LoggedContent:
        """See `Ai.content`."""
        actor.require("ai:read")
        return await self.wishes.content(actor.tenant_id, completion_id)

    async def give_feedback(self, actor: Actor, feedback: Feedback) -> None:
        """See `Ai.give_feedback`."""
        actor.require("ai:write")
        await self.ledger.flushed()
        await self.wishes.give_feedback(actor.tenant_id, feedback.completion_id, feedback.score)

    async def health(self) -> AiHealth:
        """See `Ai.health`."""
        return showing.health_of(self._catalogue, self._health, self._providers, unsettled=self.ledger.unsettled)
