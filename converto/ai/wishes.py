"""What companies have set, written and said: options, prompt templates, feedback, and the content that they want kept."""

import asyncio
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from time import monotonic
from uuid import UUID

from converto.ai.conversation import ChatRequest, Message, TemplateUse
from converto.ai.interface import LoggedContent, NewTemplate, Options, Template
from converto.ai.models import TemplateRow
from converto.ai.refusals import MissingVariables, TemplateConflict, UnknownCompletion, UnknownTemplate
from converto.ai.repository import Calls, Wishes
from converto.kernel.clock import now
from converto.kernel.database import Database

BELIEVED_S = 1.0
"""For so long options and feedback are believed without asking the database: another process's change bites so much later."""
MOST_BELIEVED = 10_000
_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")

Judged = Mapping[str, tuple[int, float]]


class CompanyWishes:
    """Keeps what companies want."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._believed: dict[UUID, tuple[float, Options, Judged]] = {}
        self._looking: dict[UUID, asyncio.Task[tuple[Options, Judged]]] = {}

    async def of(self, tenant_id: UUID) -> tuple[Options, Judged]:
        """Return how a company wants models to be asked, and what it said of their answers."""
        known = self._believed.get(tenant_id)
        if known is not None and known[0] > monotonic():
            return known[1], known[2]
        look = self._looking.get(tenant_id)
        if look is None:  # one looks for all who come meanwhile
            look = self._looking[tenant_id] = asyncio.create_task(self._look(tenant_id))
            look.add_done_callback(partial(self._looked, tenant_id))
        return await asyncio.shield(look)

    async def _look(self, tenant_id: UUID) -> tuple[Options, Judged]:
        async with self._database.reading(tenant_id) as session:
            told, judged = await Wishes(session).options(tenant_id), await Wishes(session).feedback(tenant_id)
        return Options.model_validate(told or {}), judged

    def _looked(self, tenant_id: UUID, look: "asyncio.Task[tuple[Options, Judged]]") -> None:
        failed = look.cancelled() or look.exception() is not None
        if self._looking.get(tenant_id) is not look:
            return  # something was changed meanwhile
        del self._looking[tenant_id]
        if not failed:
            if len(self._believed) >= MOST_BELIEVED:
                self._believed.clear()
            self._believed[tenant_id] = (monotonic() + BELIEVED_S, *look.result())

    def _changed(self, tenant_id: UUID) -> None:
        """Believe nothing of what was so before, nor what somebody is just reading."""
        self._believed.pop(tenant_id, None)
        self._looking.pop(tenant_id, None)

    async def set_options(self, tenant_id: UUID, options: Options) -> None:
        """Say how a company wants models to be asked."""
        async with self._database.writing() as session:
            await Wishes(session).set_options(tenant_id, options.model_dump(mode="json"))
        self._changed(tenant_id)

    async def add_template(self, tenant_id: UUID, new: NewTemplate) -> Template:
        """Keep the next version of a template. Raises TemplateConflict."""
        async with self._database.writing() as session:
            wishes = Wishes(session)
            newest = await wishes.template(tenant_id, new.name, None)
            row = TemplateRow(
                tenant_id=tenant_id,
                name=new.name,
                version=1 if newest is None else newest.version + 1,
                system=new.system,
                text=new.text,
                created_at=now(),
            )
            if not await wishes.add_template(row):
                raise TemplateConflict
        return template_of(row)

    async def templates(self, tenant_id: UUID) -> tuple[Template, ...]:
        """Return the newest version of each template."""
        async with self._database.reading() as session:
            return tuple(template_of(row) for row in await Wishes(session).templates(tenant_id))

    async def template(self, tenant_id: UUID, name: str, version: int | None) -> Template:
        """Return a template. Raises UnknownTemplate."""
        async with self._database.reading() as session:
            row = await Wishes(session).template(tenant_id, name, version)
        if row is None:
            raise UnknownTemplate(name=name)
        return template_of(row)

    async def filled(self, tenant_id: UUID, request: ChatRequest) -> ChatRequest:
        """Return a question with its template's words before its own. Raises UnknownTemplate, MissingVariables."""
        use = request.template
        if use is None:
            return request
        template = await self.template(tenant_id, use.name, use.version)
        messages = tuple(
            Message(role=role, content=_filled(text, use))
            for role, text in (("system", template.system), ("user", template.text))
            if text is not None
        )
        return request.model_copy(update={"messages": messages + request.messages, "template": None})

    async def keep(self, tenant_id: UUID, completion_id: UUID, *, request: ChatRequest, answer: str) -> None:
        """Keep what was asked and answered."""
        asked = request.model_dump(mode="json", exclude_defaults=True)
        async with self._database.writing(tenant_id) as session:
            await Wishes(session).keep(tenant_id, completion_id, at=now(), request=asked, answer=answer)

    async def content(self, tenant_id: UUID, completion_id: UUID) -> LoggedContent:
        """Return what was asked and answered. Raises UnknownCompletion."""
        async with self._database.reading() as session:
            row = await Wishes(session).content(tenant_id, completion_id)
        if row is None:
            raise UnknownCompletion(completion_id=completion_id)
        return LoggedContent(completion_id=row.completion_id, at=row.at, request=row.request, answer=row.answer)

    async def forget_content(self, *, keep_days: int) -> None:
        """Remove what was kept for long enough."""
        async with self._database.across_tenants.writing() as session:
            await Wishes(session).forget_content(now() - timedelta(days=keep_days))

    async def give_feedback(self, tenant_id: UUID, completion_id: UUID, score: float) -> None:
        """Say how good an answer was. Raises UnknownCompletion."""
        async with self._database.writing() as session:
            model = await Calls(session).model_of(tenant_id, completion_id)
            if model is None:
                raise UnknownCompletion(completion_id=completion_id)
            await Wishes(session).give_feedback(tenant_id, completion_id, model=model, score=score, at=now())
        self._changed(tenant_id)


def template_of(row: TemplateRow) -> Template:
    """Return a template as others see it."""
    return Template(name=row.name, version=row.version, system=row.system, text=row.text, created_at=row.created_at)


def _filled(text: str, use: TemplateUse) -> str:
    missing = sorted({found for found in _PLACE.findall(text) if found not in use.variables})
    if missing:
        raise MissingVariables(name=use.name, missing=", ".join(missing))
    return _PLACE.sub(lambda found: use.variables[found[1]], text)
