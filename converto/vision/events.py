"""The facts that vision tells. What is on a picture is no part of them: ask for the analysis."""

from typing import ClassVar
from uuid import UUID

from converto.kernel.event import Event
from converto.kernel.money import Money
from converto.ocr.interface import Failure
from converto.vision.interface import Task


class AnalysisStarted(Event):
    """A picture is being looked at."""

    type: ClassVar[str] = "vision.analysis.started"
    subject_field: ClassVar[str | None] = "analysis_id"

    analysis_id: UUID
    task: Task


class AnalysisCompleted(Event):
    """A picture has been looked at."""

    type: ClassVar[str] = "vision.analysis.completed"
    subject_field: ClassVar[str | None] = "analysis_id"

    analysis_id: UUID
    task: Task
    model: str
    cost: Money


class AnalysisFailed(Event):
    """Nothing could be told of a picture."""

    type: ClassVar[str] = "vision.analysis.failed"
    subject_field: ClassVar[str | None] = "analysis_id"

    analysis_id: UUID
    task: Task
    error: Failure
