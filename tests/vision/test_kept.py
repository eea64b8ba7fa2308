"""What is kept of analyses, and what is told of them, on each kind of database."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.vision.interface import AnalysisStatus, Task, UnknownAnalysis, Wanted
from converto.vision.models import AnalysisRow
from converto.vision.refusals import DamagedPicture
from tests.vision.house import House, somebody
from tests.vision.test_alone import LABEL, PEOPLE


async def test_an_analysis_is_kept_told_and_nobody_elses(kept: House, aino: Actor) -> None:
    told = await kept.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.FACES, blur_faces=True))

    again = await kept.vision.analysis(aino, told.id)
    assert again == told.model_copy(update={"blurred_picture": None})
    with pytest.raises(UnknownAnalysis):
        await kept.vision.analysis(somebody(), told.id)
    assert (await kept.vision.analyses(somebody())).items == ()
    assert [(event.type, event.subject) for event in await kept.told(aino)] == [
        ("vision.analysis.started", str(told.id)),
        ("vision.analysis.completed", str(told.id)),
    ]


async def test_a_failure_is_kept_and_told_with_its_reason(kept: House, aino: Actor) -> None:
    with pytest.raises(DamagedPicture):
        await kept.vision.analyze(aino, Wanted(picture=PEOPLE[:2000]))

    (failed,) = (await kept.vision.analyses(aino)).items
    assert failed.status is AnalysisStatus.FAILED
    assert failed.error is not None
    assert failed.error.code == "vision.damaged_picture"
    assert Counter(event.type for event in await kept.told(aino)) == {"vision.analysis.started": 1, "vision.analysis.failed": 1}


async def test_a_list_goes_on_after_its_cursor(kept: House, aino: Actor) -> None:
    made = [(await kept.vision.analyze(aino, Wanted(picture=LABEL, task=Task.FACES))).id for _ in range(3)]

    first = await kept.vision.analyses(aino, limit=2)
    rest = await kept.vision.analyses(aino, limit=2, cursor=first.next_cursor)
    assert [one.id for one in (*first.items, *rest.items)] == made[::-1]
    assert rest.next_cursor is None


async def test_the_picture_itself_is_kept_nowhere(kept: House, aino: Actor) -> None:
    await kept.vision.analyze(aino, Wanted(picture=PEOPLE, blur_faces=True))

    async with kept.database.reading() as session:
        told = (await session.scalars(select(AnalysisRow.told))).one()
    assert len(str(told)) < 5000
    assert "base64" not in str(told)


async def test_an_analysis_whose_process_ended_fails_after_a_while(kept: House, aino: Actor) -> None:
    await kept.vision.analyze(aino, Wanted(picture=LABEL, task=Task.FACES))
    await kept.vision.analyze(aino, Wanted(picture=LABEL, task=Task.FACES))
    async with kept.database.writing() as session:
        newest = select(func.max(AnalysisRow.created_at)).scalar_subquery()
        await session.execute(update(AnalysisRow).values(status=AnalysisStatus.STARTED))
        await session.execute(update(AnalysisRow).where(AnalysisRow.created_at < newest).values(created_at=now() - timedelta(hours=1)))
    await asyncio.gather(kept.service.sweep(), kept.service.sweep())

    newer, older = (await kept.vision.analyses(aino)).items
    assert (newer.status, older.status) == (AnalysisStatus.STARTED, AnalysisStatus.FAILED)
    assert older.error is not None
    assert older.error.code == "vision.interrupted"
    assert Counter(event.type for event in await kept.told(aino))["vision.analysis.failed"] == 1
