"""Vision in a process of its own: the reader and the models are asked in another one, and answer and fail the same."""

import json
from pathlib import Path

import pytest

from converto.ai.interface import ProviderFailed
from converto.kernel.actor import Actor
from converto.ocr.refusals import UnknownLanguage
from converto.vision.interface import Task, Wanted
from tests.vision.house import opened
from tests.vision.test_alone import PEOPLE, RECEIPT


async def test_the_reader_and_models_elsewhere_are_asked_as_those_here_are(data_dir: Path, aino: Actor) -> None:
    async with opened(data_dir, apart=True) as house:
        house.fake.answer = json.dumps({"total": "1.00", "iban": "FI2112345600000785"})
        told = await house.vision.analyze(aino, Wanted(picture=RECEIPT, task=Task.RECEIPT))
        with pytest.raises(UnknownLanguage):
            await house.vision.analyze(aino, Wanted(picture=RECEIPT, task=Task.TEXT, languages="xyz"))
        house.fake.broken = dict.fromkeys(("openai", "anthropic", "gemini"), "malformed")
        with pytest.raises(ProviderFailed):
            await house.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.OBJECTS))

    assert told.receipt is not None
    fields = told.receipt.fields
    assert fields.total is not None
    assert fields.iban is not None
    assert (str(fields.total.value.amount), fields.total.source, fields.iban.source) == ("28.63", "ocr", "ai")
    assert told.cost.amount > 0
