"""Tells what is on pictures: detectors and the reader here, a model where one may be asked; what was told is kept, the picture is not."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import structlog

from converto.ai.interface import Ai, NoProvider
from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database
from converto.kernel.errors import Error
from converto.kernel.money import Money
from converto.kernel.paging import Page, after
from converto.kernel.paid_work import PaidWork, Use
from converto.ocr.interface import Failure, Kind, Ocr, Reading, Upload
from converto.vision.asking import QUESTIONS, SaidReceipt, Told, ask, decoded, fields_of, lacking, pages_to_ask, side_pixels
from converto.vision.events import AnalysisCompleted, AnalysisFailed, AnalysisStarted
from converto.vision.eyes import Eyes
from converto.vision.installed import finds_faces
from converto.vision.interface import (
    EMBEDDED,
    Analysis,
    AnalysisStatus,
    AnalysisSummary,
    Detail,
    Task,
    UnknownAnalysis,
    Vision,
    VisionHealth,
    VisionNotConfigured,
    Wanted,
)
from converto.vision.look import Look, LookFor
from converto.vision.models import AnalysisRow
from converto.vision.privacy import LEFT_OUT
from converto.vision.repository import Analyses
from converto.vision.telling import Telling, shown

log = structlog.get_logger()
ANALYSES_OF_A_PLAN = "vision_analyses_per_month"
READ = {Task.RECEIPT: Kind.RECEIPT, Task.TEXT: Kind.TEXT, Task.DEVICE: Kind.TEXT, Task.DESCRIBE: Kind.TEXT}
"""As what the reader reads the picture for a task."""
CODES = frozenset({Task.DESCRIBE, Task.DEVICE, Task.TEXT, Task.RECEIPT})
FACES = frozenset({Task.DESCRIBE, Task.FACES})
INSTALL_FACES = "pip install 'converto[vision-faces]'"
LEFT_BEHIND = timedelta(minutes=10)
INTERRUPTED = Failure(code="vision.interrupted", detail="The process that looked at the picture ended; send the picture again.")
NOTHING = Money(amount=Decimal(0))
Way = Literal["model", "embedded", "not_configured"]


class VisionService(Vision):
    """Joins what is found here with what a model says."""

    def __init__(self, database: Database, eyes: Eyes, *, ocr: Ocr, ai: Ai, paid_work: PaidWork) -> None:
        self._database = database
        self._eyes = eyes
        self._ocr = ocr
        self._ai = ai
        self._paid_work = paid_work

    async def analyze(self, actor: Actor, wanted: Wanted) -> Analysis:
        """See `Vision.analyze`."""
        actor.require("vision:write")
        self._eyes.check(wanted.picture)
        await self._check_way(wanted)
        began, row = time.perf_counter(), self._row(actor, wanted)
        use = Use(feature=ANALYSES_OF_A_PLAN, key=f"vision:{row.id}")
        await self._paid_work.reserve(actor, (use,))
        async with self._database.writing() as session:
            Analyses(session).add(row)
            await publish(session, AnalysisStarted(tenant_id=row.tenant_id, analysis_id=row.id, task=wanted.task))
        try:
            told = await self._told(actor, wanted)
        except Error as error:
            await self._finish(row, None, Failure(code=error.code, detail=error.detail[:500]), began=began)
            raise
        blurred = told.pop("blurred_picture")
        await self._finish(row, told, None, began=began)
        return _analysis(row).model_copy(update={"blurred_picture": blurred})

    async def analysis(self, actor: Actor, analysis_id: UUID) -> Analysis:
        """See `Vision.analysis`."""
        actor.require("vision:read")
        async with self._database.reading() as session:
            row = await Analyses(session).get(actor.tenant_id, analysis_id)
        if row is None:
            raise UnknownAnalysis(analysis_id=analysis_id)
        return _analysis(row)

    async def analyses(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[AnalysisSummary]:
        """See `Vision.analyses`."""
        actor.require("vision:read")
        async with self._database.reading() as session:
            rows = await Analyses(session).page(actor.tenant_id, limit=limit + 1, after=after(cursor))
        return Page[AnalysisSummary].of([_summary(row) for row in rows], limit, cursor=lambda one: one.id)

    async def health(self) -> VisionHealth:
        """See `Vision.health`."""
        has_models, has_faces = await self._has_models(), finds_faces()
        async with self._database.across_tenants.reading() as session:
            unfinished = await Analyses(session).unfinished()
        otherwise: Way = "embedded" if not has_models else "model"
        tasks: dict[Task, Way] = dict.fromkeys(Task, otherwise)
        tasks[Task.OBJECTS] = "model" if has_models else "not_configured"
        tasks[Task.FACES] = "embedded" if has_faces else tasks[Task.OBJECTS]
        status: Literal["ok", "degraded"] = "degraded" if "not_configured" in tasks.values() else "ok"
        return VisionHealth(status=status, faces=has_faces, models=has_models, tasks=tasks, unfinished=unfinished)

    async def assist(self, tenant_id: UUID, scan_id: UUID) -> None:
        """Have a model read a scan page by page, and the reader fill with it what it did not find itself.

        Raises what `Ocr.scan`, `Ocr.page_picture`, `Ocr.assist` and `ask` raise.
        """
        actor = Actor.service(tenant_id, "ocr:read", "ocr:write", "ai:write")
        scan = await self._ocr.scan(actor, scan_id)
        for page in pages_to_ask(scan.pages or 1):
            if scan.fields is None or not lacking(scan.fields):
                return
            picture = await self._ocr.page_picture(actor, scan_id, page)
            look = await self._eyes.look(picture, LookFor(shown_side_pixels=side_pixels(Task.RECEIPT, Detail.HIGH)), company=tenant_id)
            told = await ask(self._ai, actor, QUESTIONS[Task.RECEIPT], look.shown or "", model_preference=None)
            if not isinstance(told.said, SaidReceipt):
                continue
            said = fields_of(told.said)
            if page > 1:  # a sum carried over to this page is no other reading of the one that is known
                said = {name: value for name, value in said.items() if name in lacking(scan.fields)}
            scan = await self._ocr.assist(actor, scan_id, said=said)

    async def sweep(self) -> None:
        """Let analyses fail whose process has ended in the middle of them."""
        async with self._database.across_tenants.writing() as session:
            rows: Sequence[AnalysisRow] = await Analyses(session).left_behind(now() - LEFT_BEHIND)
            for row in rows:
                row.status, row.error_code, row.error_detail = AnalysisStatus.FAILED, INTERRUPTED.code, INTERRUPTED.detail
                await publish(session, AnalysisFailed(tenant_id=row.tenant_id, analysis_id=row.id, task=Task(row.task), error=INTERRUPTED))

    async def _has_models(self) -> bool:
        return (await self._ai.health()).status != "not_configured"

    async def _check_way(self, wanted: Wanted) -> None:
        """Refuse what nobody here can tell. Raises VisionNotConfigured."""
        if wanted.blur_faces and not finds_faces():
            raise VisionNotConfigured(what="Blurring faces", needs="a detector of faces", setting=INSTALL_FACES)
        if wanted.task is Task.FACES and finds_faces():
            return
        if wanted.task in {Task.OBJECTS, Task.FACES}:
            if wanted.local_only:
                raise VisionNotConfigured(what=f"The task {wanted.task}", needs="a model that sees", setting="send local_only=false")
            if not await self._has_models():
                setting = NoProvider(
                    settings="CONVERTO_AI_OPENAI_API_KEY, CONVERTO_AI_ANTHROPIC_API_KEY or CONVERTO_AI_GEMINI_API_KEY"
                ).detail
                raise VisionNotConfigured(what=f"The task {wanted.task}", needs="a model that sees", setting=setting.rstrip("."))

    @staticmethod
    def _row(actor: Actor, wanted: Wanted) -> AnalysisRow:
        return AnalysisRow(
            tenant_id=actor.tenant_id, id=new_id(), task=wanted.task, status=AnalysisStatus.STARTED, created_at=now(), model=EMBEDDED
        )

    async def _told(self, actor: Actor, wanted: Wanted) -> dict[str, Any]:
        """Return what is told of a picture, by the names of `Analysis`."""
        asks = not wanted.local_only and (wanted.task is not Task.FACES or not finds_faces())
        look = await self._look(actor, wanted, asks=asks)
        telling = Telling(wanted.task, look, counts_faces=wanted.task in FACES and finds_faces())
        asking = asyncio.create_task(self._asked(actor, wanted, look)) if asks else None
        try:
            reading = await self._read(actor, wanted, look)
            if reading is not None:
                telling.read(reading)
            told, warning = await asking if asking is not None else (None, None)
        finally:
            if asking is not None:
                asking.cancel()
        if told is not None:
            if reading is not None and isinstance(told.said, SaidReceipt):
                telling.read(await self._ocr.assisted(_reader(actor), reading, said=fields_of(told.said)))
            telling.hear(told.said)
        warnings = [*([warning] if warning else []), *([LEFT_OUT] if telling.left_out else [])]
        cost = {"model": told.model, "cost": told.cost, "completion_id": str(told.completion_id)} if told is not None else {}
        blurred = f"data:image/jpeg;base64,{look.blurred}" if look.blurred is not None else None
        return {**telling.parts, "warnings": warnings, **cost, "blurred_picture": blurred}

    async def _look(self, actor: Actor, wanted: Wanted, *, asks: bool) -> Look:
        looked_for = LookFor(
            faces=wanted.task in FACES and finds_faces(),
            codes=wanted.task in CODES,
            blur=wanted.blur_faces,
            shown_side_pixels=side_pixels(wanted.task, wanted.detail) if asks else 0,
        )
        return await self._eyes.look(wanted.picture, looked_for, company=actor.tenant_id)

    async def _read(self, actor: Actor, wanted: Wanted, look: Look) -> Reading | None:
        kind = READ.get(wanted.task)
        if kind is None:
            return None
        content = wanted.picture if look.blurred is None else decoded(look.blurred)
        return await self._ocr.read(_reader(actor), Upload(content=content, filename="picture", languages=wanted.languages, kind=kind))

    async def _asked(self, actor: Actor, wanted: Wanted, look: Look) -> tuple[Told | None, str | None]:
        """Return what a model says, or why none does, where it can be done without. Raises what `ask` raises where it cannot."""
        if look.shown is None:
            return None, None
        asker = actor.model_copy(update={"scopes": actor.scopes | {"ai:write"}})
        try:
            told = await ask(self._ai, asker, QUESTIONS[wanted.task], look.shown, model_preference=wanted.model_preference)
        except NoProvider:
            return None, None
        except Error as error:
            if wanted.task not in READ:
                raise
            log.info("vision.model_not_asked", task=wanted.task, code=error.code)
            return None, error.code
        return told, None

    async def _finish(self, row: AnalysisRow, told: dict[str, Any] | None, failure: Failure | None, *, began: float) -> None:
        row.duration_ms = round((time.perf_counter() - began) * 1000)
        if told is not None:
            row.status, row.model = AnalysisStatus.COMPLETED, told.pop("model", EMBEDDED)
            row.told = shown(told)
        if failure is not None:
            row.status, row.error_code, row.error_detail = AnalysisStatus.FAILED, failure.code, failure.detail
        analysis = _analysis(row)
        about = {"tenant_id": row.tenant_id, "analysis_id": row.id, "task": analysis.task}
        async with self._database.writing(row.tenant_id) as session:
            kept = await Analyses(session).lock(row.tenant_id, row.id)
            if kept is None or kept.status != AnalysisStatus.STARTED:
                return
            for name in ("status", "model", "told", "duration_ms", "error_code", "error_detail"):
                setattr(kept, name, getattr(row, name))
            if failure is not None:
                await publish(session, AnalysisFailed(**about, error=failure))
            else:
                await publish(session, AnalysisCompleted(**about, model=analysis.model, cost=analysis.cost))


def _reader(actor: Actor) -> Actor:
    return actor.model_copy(update={"scopes": actor.scopes | {"ocr:read"}})


def _analysis(row: AnalysisRow) -> Analysis:
    error = Failure(code=row.error_code, detail=row.error_detail or "") if row.error_code is not None else None
    of_row = {name: getattr(row, name) for name in ("id", "task", "status", "created_at", "duration_ms", "model")}
    return Analysis.model_validate({"cost": NOTHING, **(row.told or {}), **of_row, "error": error})


def _summary(row: AnalysisRow) -> AnalysisSummary:
    analysis = _analysis(row)
    return AnalysisSummary.model_validate({name: getattr(analysis, name) for name in AnalysisSummary.model_fields})
