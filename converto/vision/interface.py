"""What other modules, and the REST API, may ask of vision."""

import datetime
from enum import StrEnum
from typing import Literal, Protocol
from uuid import UUID

from pydantic import Field

from converto.kernel.actor import Actor
from converto.kernel.errors import NotConfigured, NotFound
from converto.kernel.interface import Interface, Value, command, query
from converto.kernel.money import Money
from converto.kernel.paging import Page
from converto.ocr.interface import Box, Failure, Fields, Finding, Kind, LineItem, Share, VatLine

EMBEDDED = "embedded"
"""What stands for the model's name where none was asked."""


class Task(StrEnum):
    """What is to be told of a picture."""

    DESCRIBE = "describe"
    OBJECTS = "objects"
    RECEIPT = "receipt"
    DEVICE = "device"
    FACES = "faces"
    TEXT = "text"


class Detail(StrEnum):
    """How closely a model looks: `low` sees 768 pixels of the longer side, `high` 2,048, and `auto` what the task wants."""

    AUTO = "auto"
    LOW = "low"
    HIGH = "high"


class AnalysisStatus(StrEnum):
    """Where an analysis stands."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


class Origin(StrEnum):
    """Who says where something is: a detector that measured it, or a model that was asked, whose sureness is its own word."""

    DETECTOR = "detector"
    MODEL = "model"


class SeenObject(Value):
    """A thing on a picture."""

    label: str
    confidence: Share
    box: Box | None = None
    source: Origin = Origin.MODEL


class Point(Value):
    """A place on a picture, in shares of its width and height."""

    x: Share
    y: Share


class Landmarks(Value):
    """Where the parts of a face are."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth_left: Point
    mouth_right: Point


class FaceQuality(Value):
    """How well a face can be seen."""

    width_pixels: int
    sharpness: Share
    """0 is a blur; how much lightness changes from pixel to pixel."""
    brightness: Share


class Face(Value):
    """A face: where it is, and nothing of whose."""

    box: Box
    confidence: Share
    landmarks: Landmarks | None = None
    quality: FaceQuality | None = None
    source: Origin = Origin.DETECTOR


class SeenCode(Value):
    """A barcode or QR code."""

    format: str
    text: str
    box: Box | None = None


class SeenText(Value):
    """What is written on a picture."""

    text: str
    confidence: Share
    """Of the reader its own; of a model the share of its words that the reader found too."""
    source: Literal["ocr", "model"]
    other: str | None = None
    """What the other of the two reads, where both were asked."""


class LabelValue(Value):
    """Something that a label says."""

    value: str
    confidence: Share
    source: Literal["barcode", "text", "model"]
    is_checked: bool = False
    """Whether it has a check digit, and that holds."""


class Device(Value):
    """What the labels of a device say."""

    kind: LabelValue | None = None
    manufacturer: LabelValue | None = None
    model: LabelValue | None = None
    serial_number: LabelValue | None = None
    imei: tuple[LabelValue, ...] = ()
    mac_address: LabelValue | None = None
    gtin: LabelValue | None = None
    """The number of its kind in trade."""


class Receipt(Value):
    """A receipt or invoice, by the reader, filled by a model where one was asked: each field tells its `source`."""

    kind: Kind
    confidence: Share
    fields: Fields
    vat_lines: tuple[VatLine, ...] = ()
    line_items: tuple[LineItem, ...] = ()
    findings: tuple[Finding, ...] = ()


class PictureFacts(Value):
    """What a picture is; the picture itself is not kept."""

    media_type: str
    bytes: int
    width: int
    height: int


class Analysis(Value):
    """What was told of a picture."""

    id: UUID
    task: Task
    status: AnalysisStatus
    created_at: datetime.datetime
    duration_ms: int | None = None
    picture: PictureFacts | None = None
    description: str | None = None
    objects: tuple[SeenObject, ...] = ()
    face_count: int | None = None
    """None where nobody looked for faces."""
    faces: tuple[Face, ...] = ()
    codes: tuple[SeenCode, ...] = ()
    text: SeenText | None = None
    receipt: Receipt | None = None
    device: Device | None = None
    model: str = EMBEDDED
    """The model that was asked, or `embedded`: then nothing has left this installation."""
    cost: Money
    completion_id: UUID | None = None
    """The model's answer in `/ai/requests`."""
    warnings: tuple[str, ...] = ()
    """Why no model was asked, or why its answer was not taken, though one was wanted: the code of the error."""
    blurred_picture: str | None = Field(default=None, repr=False)
    """The picture without faces as a `data:` URL, where it was asked for; it is not kept."""
    error: Failure | None = None


class AnalysisSummary(Value):
    """An analysis as a list shows it."""

    id: UUID
    task: Task
    status: AnalysisStatus
    created_at: datetime.datetime
    model: str
    description: str | None = None
    error: Failure | None = None


class Wanted(Value):
    """A picture, and what is to be told of it."""

    picture: bytes = Field(repr=False)
    task: Task = Task.DESCRIBE
    detail: Detail = Detail.AUTO
    languages: str = Field(default="", max_length=50)
    """Of what is written, as the reader names them; empty means what it is set to."""
    model_preference: str | None = Field(default=None, max_length=200)
    blur_faces: bool = False
    """Blur faces before anything else sees the picture, and give it back so."""
    local_only: bool = False
    """Ask no model: nothing leaves this installation."""


class VisionHealth(Value):
    """What can be told here."""

    status: Literal["ok", "degraded"]
    faces: bool
    """Whether the detector of faces is installed."""
    models: bool
    """Whether a provider of models is set up."""
    tasks: dict[Task, Literal["model", "embedded", "not_configured"]]
    """By whom each task is done."""
    unfinished: int
    """Analyses on their way."""


class VisionNotConfigured(NotConfigured):
    """What was asked for takes something that is not set up here."""

    code = "vision.not_configured"
    message = "{what} takes {needs}, which is not set up here: {setting}."


class UnknownAnalysis(NotFound):
    """There is no such analysis, or it belongs to another company."""

    code = "vision.unknown_analysis"
    message = "There is no analysis {analysis_id}."


class Vision(Interface, Protocol):
    """Tells what is on pictures, and keeps what was told, but no picture."""

    @command(timeout_s=120)
    async def analyze(self, actor: Actor, wanted: Wanted) -> Analysis:
        """Tell of a picture at once.

        Raises VisionNotConfigured, what `refusals.REFUSALS` lists, LimitReached of the plan, and where nobody but a model can tell, what it
        raises that models are asked by.
        """
        ...

    @query
    async def analysis(self, actor: Actor, analysis_id: UUID) -> Analysis:
        """Return what was told of a picture. Raises UnknownAnalysis."""
        ...

    @query
    async def analyses(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[AnalysisSummary]:
        """List analyses, newest first. Raises BadCursor."""
        ...

    @query
    async def health(self) -> VisionHealth:
        """Return what can be told here."""
        ...
