"""Vision with a provider of models."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from converto.ai.interface import ProviderFailed
from converto.kernel.actor import Actor
from converto.vision.interface import EMBEDDED, Origin, Task, VisionNotConfigured, Wanted
from converto.vision.privacy import LEFT_OUT
from converto.vision.refusals import ModelUnclear
from samples.pictures import SERIAL
from tests.vision.house import House
from tests.vision.test_alone import LABEL, PEOPLE, RECEIPT

BOX = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}


def says(house: House, **told: Any) -> None:
    house.fake.answer = json.dumps(told)


def shown(house: House) -> Image.Image:
    """Return the picture that the model was shown."""
    question = json.dumps(house.fake.asked[-1][1])
    picture = next(part for part in question.replace("\\", "").split('"') if part.startswith(("data:image/jpeg;base64,", "/9j/")))
    return Image.open(io.BytesIO(base64.b64decode(picture.rpartition(",")[2])))


async def test_a_picture_is_described_by_a_model_and_its_faces_counted_here(house: House, aino: Actor) -> None:
    says(house, description="Four portraits hang on a grey wall.")
    told = await house.vision.analyze(aino, Wanted(picture=PEOPLE))

    assert told.description == "Four portraits hang on a grey wall."
    assert told.face_count == 4
    assert told.model != EMBEDDED
    assert told.cost.amount > 0
    assert max(shown(house).size) == 768


@pytest.mark.parametrize("model", ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash"])
async def test_objects_come_with_boxes_from_every_dialect(house: House, aino: Actor, model: str) -> None:
    says(house, description="A wall.", objects=[{"label": "portrait", "confidence": 0.8, "box": BOX}, {"label": "wall", "confidence": 3}])
    told = await house.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.OBJECTS, model_preference=model))

    assert [(one.label, one.confidence, one.box is None, one.source) for one in told.objects] == [
        ("portrait", 0.8, False, Origin.MODEL),
        ("wall", 1.0, True, Origin.MODEL),
    ]
    assert told.model.endswith(model)


async def test_a_box_beyond_the_picture_is_none(house: House, aino: Actor) -> None:
    says(house, description="", objects=[{"label": "portrait", "confidence": 0.8, "box": {**BOX, "width": 120.0}}])
    told = await house.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.OBJECTS))
    assert told.objects[0].box is None


async def test_an_answer_out_of_shape_is_asked_for_once_more_and_both_are_paid(house: House, aino: Actor) -> None:
    house.fake.answer = "It is a wall."
    with pytest.raises(ModelUnclear):
        await house.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.OBJECTS, model_preference="gpt-4o"))

    first, second = (body["messages"] for _, body in list(house.fake.asked)[-2:])
    assert len(second) == len(first) + 2
    assert "shape" in second[-1]["content"]


async def test_what_a_model_says_of_people_is_left_out(house: House, aino: Actor) -> None:
    says(
        house,
        description="A young woman, about 30 years old, smiles. She holds a cup. A portrait hangs on the wall.",
        objects=[{"label": "woman", "confidence": 0.9, "box": BOX, "age": 30, "gender": "female", "emotion": "happy"}],
        identity="somebody",
        ethnicity="x",
    )
    told = await house.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.OBJECTS))

    assert told.description == "They holds a cup. A portrait hangs on the wall."
    assert [one.label for one in told.objects] == ["person"]
    assert told.warnings == (LEFT_OUT,)
    said = told.model_dump_json()
    assert not any(word in said for word in ("gender", "female", "emotion", "happy", "identity", "ethnicity", "30 years"))


async def test_a_receipt_is_filled_by_a_model_but_never_overwritten(house: House, aino: Actor) -> None:
    says(house, vendor="Another Shop", total="99.99", iban="FI2112345600000785", due_date="2026-13-45", reference_number="1234561")
    told = await house.vision.analyze(aino, Wanted(picture=RECEIPT, task=Task.RECEIPT))

    assert told.receipt is not None
    fields = told.receipt.fields
    assert fields.vendor is not None
    assert fields.total is not None
    assert (fields.vendor.value, str(fields.total.value.amount), fields.total.source) == ("Tuulikin Lähikauppa Oy", "28.63", "ocr")
    assert fields.iban is not None
    assert (fields.iban.source, fields.iban.box) == ("ai", None)
    assert fields.iban.confidence < 0.5
    assert fields.due_date is None
    assert {finding.field for finding in told.receipt.findings if finding.code == "ai_differs"} == {"vendor", "total"}


async def test_a_device_is_filled_by_a_model(house: House, aino: Actor) -> None:
    says(house, description="A telephone.", kind="telephone", model="Another", serial_number="ZZZ", imei=["1"])
    told = await house.vision.analyze(aino, Wanted(picture=LABEL, task=Task.DEVICE))

    assert told.device is not None
    assert told.device.kind is not None
    assert told.device.serial_number is not None
    assert (told.device.kind.value, told.device.kind.source) == ("telephone", "model")
    assert (told.device.serial_number.value, len(told.device.imei)) == (SERIAL, 1)


async def test_a_models_reading_is_as_sure_as_the_reader_bears_it_out(house: House, aino: Actor) -> None:
    says(house, text="Tuulikin Lähikauppa\nkuvitteellista kuvitteellista")
    told = await house.vision.analyze(aino, Wanted(picture=RECEIPT, task=Task.TEXT))

    assert told.text is not None
    assert (told.text.source, told.text.confidence) == ("model", 0.5)
    assert told.text.other is not None
    assert "Tuulikin Lähikauppa" in told.text.other


async def test_where_a_model_fails_what_is_built_in_answers_and_says_so(house: House, aino: Actor) -> None:
    house.fake.broken = dict.fromkeys(("openai", "anthropic", "gemini"), "400")
    told = await house.vision.analyze(aino, Wanted(picture=RECEIPT, task=Task.RECEIPT))

    assert told.receipt is not None
    assert (told.model, told.warnings) == (EMBEDDED, ("ai.rejected",))


async def test_where_nobody_but_a_model_can_tell_its_failure_is_told(house: House, aino: Actor) -> None:
    house.fake.broken = dict.fromkeys(("openai", "anthropic", "gemini"), "malformed")
    with pytest.raises(ProviderFailed):
        await house.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.OBJECTS))


async def test_faces_are_never_shown_to_a_model_where_they_are_found_here(house: House, aino: Actor) -> None:
    await house.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.FACES))
    assert not house.fake.asked


async def test_a_model_is_shown_a_picture_without_the_faces_that_are_to_be_blurred(house: House, aino: Actor) -> None:
    says(house, description="A wall.", objects=[])
    await house.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.OBJECTS, blur_faces=True))
    file = io.BytesIO()
    shown(house).save(file, "PNG")

    assert (await house.vision.analyze(aino, Wanted(picture=file.getvalue(), task=Task.FACES))).face_count == 0


async def test_what_is_to_stay_here_is_shown_to_no_model(house: House, aino: Actor) -> None:
    told = await house.vision.analyze(aino, Wanted(picture=LABEL, local_only=True))
    with pytest.raises(VisionNotConfigured, match="local_only"):
        await house.vision.analyze(aino, Wanted(picture=LABEL, task=Task.OBJECTS, local_only=True))
    assert told.model == EMBEDDED
    assert not house.fake.asked


async def test_a_model_is_not_shown_what_a_picture_says_beside_its_pixels(house: House, aino: Actor) -> None:
    says(house, description="A wall.")
    exif = Image.Exif()
    exif[0x010E] = "at home"
    file = io.BytesIO()
    Image.new("RGB", (200, 100)).save(file, "JPEG", exif=exif)
    await house.vision.analyze(aino, Wanted(picture=file.getvalue()))

    assert not shown(house).getexif()
