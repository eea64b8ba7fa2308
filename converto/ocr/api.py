"""The reader over HTTP."""

import re
from typing import Annotated, NamedTuple
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Header, Path, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from converto.kernel.errors import Unavailable
from converto.kernel.paging import BadCursor, Page
from converto.kernel.web import CurrentActor, Cursor, Limit, TheDrain, problems, server_sent, the
from converto.kernel.written import Day
from converto.ocr.interface import (
    FINISHED,
    AlreadyFinished,
    BadCorrection,
    Batch,
    BatchFile,
    BatchUpload,
    EngineChoice,
    FieldChange,
    KeyReused,
    Kind,
    NotReadYet,
    Ocr,
    OcrHealth,
    OcrOptions,
    Scan,
    ScanFilter,
    ScanSummary,
    Status,
    StillReading,
    StoredDocument,
    UnknownBatch,
    UnknownPage,
    UnknownScan,
    Upload,
    WordsUnknown,
)
from converto.ocr.refusals import BATCH_REFUSALS, REFUSALS
from converto.ocr.scans.export import MEDIA_TYPES, ExportFormat, exported
from converto.ocr.scans.field_values import FieldValues
from converto.ocr.scans.live import frames, standings

router = APIRouter(prefix="/ocr", tags=["ocr"])

TheOcr = Annotated[Ocr, Depends(the(Ocr))]
ScanId = Annotated[UUID, Path(description="The scan.")]
Looked = Annotated[
    str | None, Query(max_length=200, description="Words, or how they begin: `kuit` finds `kuitin`; case and dots do not matter.")
]
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,5})(?:$|[,;\s])", re.ASCII)
LONGEST_WAIT_S = 50
LARGEST_REVISION = 2**31 - 1


class Wishes(NamedTuple):
    """How a document is to be read."""

    languages: str
    kind: Kind
    engine: EngineChoice | None


async def wishes_of_form(
    languages: Annotated[str, Form(max_length=50, description="Such as fin+eng; empty means what the installation is set to.")] = "",
    kind: Annotated[Kind, Form()] = Kind.AUTO,
    engine: Annotated[
        EngineChoice | SkipJsonSchema[None],
        Form(description="What reads pictures: auto, tesseract or rapidocr; without it what the installation is set to."),
    ] = None,
) -> Wishes:
    """Return how a document is to be read, as the form says."""
    return Wishes(languages, kind, engine)


class BatchForm(BaseModel):
    """Several documents, under either name, and how they are read."""

    file: list[UploadFile] = Field(default=[], description="Documents, or one ZIP archive with them.")
    files: list[UploadFile] = Field(default=[], description="The same.")
    languages: str = Field(default="", max_length=50)
    kind: Kind = Kind.AUTO
    engine: EngineChoice | SkipJsonSchema[None] = None


@router.post("/scans", status_code=202, response_model=Scan, responses={200: {"model": Scan}, **problems(KeyReused, *REFUSALS)})
async def submit(
    ocr: TheOcr,
    actor: CurrentActor,
    request: Request,
    file: Annotated[UploadFile, File(description="JPEG, PNG, WebP, TIFF, HEIC, or PDF.")],
    *,
    wishes: Annotated[Wishes, Depends(wishes_of_form)],
    prefer: Annotated[str, Header(max_length=200, description="wait=30: answer once it is read, or after so many seconds.")] = "",
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> Response:
    """Keep a document and have it read: 202 at once, or 200 with the finished scan where `Prefer: wait=` allows the time.

    What is waited for is read before your other documents.
    """
    wanted = _WAIT.search(prefer)
    wait_s = min(int(wanted[1]), LONGEST_WAIT_S) if wanted is not None else 0
    upload = Upload(
        content=await file.read(),
        filename=_plain(file.filename or ""),
        idempotency_key=idempotency_key,
        waited_for=wait_s > 0,
        **wishes._asdict(),
    )
    scan = await ocr.submit(actor, upload)
    headers = {"location": str(request.app.url_path_for("scan", scan_id=scan.id))}
    if wanted is not None:
        scan = await ocr.finished(actor, scan.id, wait_s=wait_s)
        headers["preference-applied"] = f"wait={wait_s}"
    is_done = scan.status in FINISHED and wanted is not None
    return JSONResponse(scan.model_dump(mode="json"), status_code=200 if is_done else 202, headers=headers)


@router.post("/scans/batch", status_code=202, responses=problems(KeyReused, *BATCH_REFUSALS))
async def submit_batch(
    ocr: TheOcr,
    actor: CurrentActor,
    request: Request,
    response: Response,
    *,
    wanted: Annotated[BatchForm, Form(media_type="multipart/form-data")],
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> Batch:
    """Keep several documents, or those in a ZIP archive, and have them read: what cannot be read is listed with its reason."""
    files = [BatchFile(content=await file.read(), filename=_plain(file.filename or "")) for file in (*wanted.file, *wanted.files)]
    upload = BatchUpload(
        files=tuple(files), languages=wanted.languages, kind=wanted.kind, engine=wanted.engine, idempotency_key=idempotency_key
    )
    batch = await ocr.submit_batch(actor, upload)
    response.headers["location"] = str(request.app.url_path_for("batch", batch_id=batch.batch_id))
    return batch


@router.get("/batches/{batch_id}", responses=problems(UnknownBatch))
async def batch(ocr: TheOcr, actor: CurrentActor, batch_id: Annotated[UUID, Path(description="The batch.")]) -> Batch:
    """Return how far the documents of a batch are."""
    return await ocr.batch(actor, batch_id)


@router.get("/scans", responses=problems(BadCursor))
async def scans(
    ocr: TheOcr,
    actor: CurrentActor,
    *,
    status: Annotated[Status | None, Query()] = None,
    since: Annotated[Day | None, Query(alias="from", description="The first day of upload, UTC.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="The last day of upload, UTC.")] = None,
    q: Looked = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ScanSummary]:
    """List scans, newest first."""
    return await ocr.scans(actor, ScanFilter(status=status, since=since, until=until, q=q), limit=limit, cursor=cursor)


@router.get("/scans/export", response_class=StreamingResponse, responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}})
async def export(
    ocr: TheOcr,
    actor: CurrentActor,
    *,
    format_: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.CSV,
    status: Annotated[Status | None, Query()] = None,
    since: Annotated[Day | None, Query(alias="from", description="The first day of upload, UTC.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="The last day of upload, UTC.")] = None,
    q: Looked = None,
) -> Response:
    """Return all scans of a list as a table, newest first."""
    pages = ocr.export(actor, ScanFilter(status=status, since=since, until=until, q=q))
    first = await anext(pages, None)  # what goes wrong at once is told as a problem
    headers = {"content-disposition": f'attachment; filename="scans.{format_}"', "cache-control": "no-store"}
    return StreamingResponse(exported(first, pages, kind=format_), media_type=MEDIA_TYPES[format_], headers=headers)


@router.get("/scans/{scan_id}", responses=problems(UnknownScan))
async def scan(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId) -> Scan:
    """Return a scan with all that was found."""
    return await ocr.scan(actor, scan_id)


@router.get(
    "/scans/{scan_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}},
        204: {"description": "The finished scan is what you have seen last: there is nothing to come back for."},
        **problems(UnknownScan),
    },
)
async def progress(
    ocr: TheOcr,
    actor: CurrentActor,
    drain: TheDrain,
    *,
    scan_id: ScanId,
    last_event_id: Annotated[int | None, Header(ge=0, le=LARGEST_REVISION, description="The last `id` that you have seen.")] = None,
) -> Response:
    """Look on while a document is read, as Server-Sent Events: `progress` with the pages that are done, and in the end `finished`."""
    rest = standings(ocr, actor, scan_id, drain=drain)
    first = await anext(rest, None)
    if first is None:  # this process is about to end
        raise Unavailable(module="ocr", retry_after_s=1)
    if first.status in FINISHED and first.revision == last_event_id:
        await rest.aclose()
        return Response(status_code=204)
    return server_sent(frames(first, rest, last_seen=last_event_id))


@router.post("/scans/{scan_id}/cancel", responses=problems(UnknownScan, AlreadyFinished))
async def cancel(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId) -> Scan:
    """Stop reading a document, or never begin: its scan fails with the code `ocr.cancelled`, and may be read anew."""
    return await ocr.cancel(actor, scan_id)


@router.post("/scans/{scan_id}/retry", status_code=202, responses=problems(UnknownScan, StillReading))
async def retry(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId) -> Scan:
    """Have a document read anew."""
    return await ocr.retry(actor, scan_id)


@router.patch("/scans/{scan_id}/fields", responses=problems(UnknownScan, NotReadYet, BadCorrection))
async def correct(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId, *, changes: FieldValues) -> Scan:
    """Say what fields of a document are; null says that there is none. The machine's values stay beside yours, in `corrections`."""
    return await ocr.correct(actor, scan_id, changes=changes.model_dump(mode="json", exclude_unset=True))


@router.get("/scans/{scan_id}/changes", responses=problems(UnknownScan, BadCursor))
async def changes(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId, *, limit: Limit = 50, cursor: Cursor = None) -> Page[FieldChange]:
    """List who changed which field of a document, newest first."""
    return await ocr.changes(actor, scan_id, limit=limit, cursor=cursor)


@router.delete("/scans/{scan_id}", status_code=204, responses=problems(UnknownScan))
async def delete(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId) -> None:
    """Remove a scan with its document, for good; one that is being read is read no further."""
    await ocr.delete(actor, scan_id)


@router.get("/scans/{scan_id}/original", response_class=Response, responses=problems(UnknownScan))
async def original(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId) -> Response:
    """Return the document as it was uploaded."""
    return _file(await ocr.original(actor, scan_id), scan_id)


@router.get("/scans/{scan_id}/pages/{page}.png", response_class=Response, responses=problems(UnknownScan, UnknownPage, NotReadYet))
async def page_picture(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId, page: Annotated[int, Path(ge=1, le=1000)]) -> Response:
    """Return a page as the reader sees it, upright: the boxes of the fields are shares of this picture."""
    return Response(await ocr.page_picture(actor, scan_id, page), media_type="image/png")


@router.get("/scans/{scan_id}/pdf", response_class=Response, responses=problems(UnknownScan, NotReadYet, WordsUnknown))
async def searchable_pdf(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId) -> Response:
    """Return the document as a PDF whose text can be found and copied: the pages as they are, upright, with the words that were read."""
    return _file(await ocr.searchable_pdf(actor, scan_id), scan_id)


@router.get("/scans/{scan_id}/text", response_class=PlainTextResponse, responses=problems(UnknownScan, NotReadYet))
async def text(ocr: TheOcr, actor: CurrentActor, scan_id: ScanId) -> str:
    """Return the text of the document, line by line."""
    found = await ocr.scan(actor, scan_id)
    if found.text is None:
        raise NotReadYet(status=found.status)
    return found.text


@router.get("/options")
async def options(ocr: TheOcr, actor: CurrentActor) -> OcrOptions:
    """Tell how the company wants its documents to be read."""
    return await ocr.options(actor)


@router.put("/options")
async def set_options(ocr: TheOcr, actor: CurrentActor, body: OcrOptions) -> OcrOptions:
    """Say how the company wants its documents to be read: with `ai_assist` a model is asked what the reader does not find."""
    return await ocr.set_options(actor, body)


@router.get("/health")
async def health(ocr: TheOcr) -> OcrHealth:
    """Return whether the reader can read, and how busy it is."""
    return await ocr.health()


def _file(document: StoredDocument, scan_id: UUID) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(document.filename or str(scan_id))}"
    return Response(document.content, media_type=document.media_type, headers={"content-disposition": disposition})


def _plain(filename: str) -> str:
    """Return the last part of a file's name, without control characters, cut to what is kept."""
    return "".join(letter for letter in re.split(r"[/\\]", filename)[-1] if letter.isprintable())[-255:]
