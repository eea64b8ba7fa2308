"""Vision without any provider of models, on the repository's own pictures."""

import base64
import io
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from converto.kernel.actor import Actor
from converto.kernel.errors import Error
from converto.ocr.interface import Box
from converto.ocr.refusals import UnknownLanguage
from converto.vision.interface import EMBEDDED, Task, VisionNotConfigured, Wanted
from converto.vision.refusals import DamagedPicture, EmptyPicture, PictureTooLarge, TooSmall, UnsupportedPicture
from samples.pictures import IMEI, PLACES, SERIAL
from tests.vision.house import House, somebody

SAMPLES = Path(__file__).parents[2] / "samples"
PEOPLE = (SAMPLES / "pictures" / "people.jpg").read_bytes()
LABEL = (SAMPLES / "pictures" / "label.png").read_bytes()
RECEIPT = (SAMPLES / "documents" / "01-grocery.png").read_bytes()
WIDTH, HEIGHT = 1000, 700


def holds(place: tuple[int, int, int], box: Box) -> bool:
    """Tell whether the middle of a box is on a portrait."""
    left, top, side = place
    x, y = (box.x + box.width / 2) * WIDTH, (box.y + box.height / 2) * HEIGHT
    return left < x < left + side and top < y < top + side


async def test_each_face_is_found_with_its_parts_and_nothing_else_is(alone: House, aino: Actor) -> None:
    told = await alone.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.FACES))

    assert told.face_count == len(told.faces) == len(PLACES)
    assert all(sum(holds(place, face.box) for face in told.faces) == 1 for place in PLACES)
    assert all(before.confidence >= after.confidence > 0.9 for before, after in pairwise(told.faces))
    for face in told.faces:
        assert face.landmarks is not None
        assert face.landmarks.left_eye.x < face.landmarks.nose.x < face.landmarks.right_eye.x
        assert face.landmarks.left_eye.y < face.landmarks.nose.y < face.landmarks.mouth_left.y
    assert told.model == EMBEDDED
    assert told.cost.amount == 0


async def test_no_face_is_found_on_a_receipt_or_a_label(alone: House, aino: Actor) -> None:
    for picture in (RECEIPT, LABEL):
        assert (await alone.vision.analyze(aino, Wanted(picture=picture, task=Task.FACES))).face_count == 0


async def test_a_picture_comes_back_without_faces(alone: House, aino: Actor) -> None:
    told = await alone.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.FACES, blur_faces=True))

    assert told.blurred_picture is not None
    without = base64.b64decode(told.blurred_picture.partition(",")[2])
    again = await alone.vision.analyze(aino, Wanted(picture=without, task=Task.FACES))
    assert (told.face_count, again.face_count) == (4, 0)
    assert Image.open(io.BytesIO(without)).size == (WIDTH, HEIGHT)


async def test_a_receipt_is_read_by_the_reader(alone: House, aino: Actor) -> None:
    told = await alone.vision.analyze(aino, Wanted(picture=RECEIPT, task=Task.RECEIPT))

    assert told.receipt is not None
    fields = told.receipt.fields
    assert fields.vendor is not None
    assert fields.total is not None
    assert (fields.vendor.value, str(fields.total.value.amount), fields.total.source) == ("Tuulikin Lähikauppa Oy", "28.63", "ocr")
    assert fields.total.box is not None


async def test_a_device_is_told_by_its_barcodes_and_its_label(alone: House, aino: Actor) -> None:
    device = (await alone.vision.analyze(aino, Wanted(picture=LABEL, task=Task.DEVICE))).device

    assert device is not None
    assert [(one.value, one.source, one.is_checked) for one in device.imei] == [(IMEI, "barcode", True)]
    assert device.serial_number is not None
    assert (device.serial_number.value, device.serial_number.source) == (SERIAL, "barcode")
    assert device.model is not None
    assert (device.model.value, device.model.source) == ("KX-200", "text")


async def test_a_text_is_read(alone: House, aino: Actor) -> None:
    told = await alone.vision.analyze(aino, Wanted(picture=RECEIPT, task=Task.TEXT))

    assert told.text is not None
    assert "Tuulikin Lähikauppa" in told.text.text
    assert (told.text.source, told.text.other) == ("ocr", None)


async def test_a_description_says_what_was_found(alone: House, aino: Actor) -> None:
    people = await alone.vision.analyze(aino, Wanted(picture=PEOPLE))
    label = await alone.vision.analyze(aino, Wanted(picture=LABEL))

    assert people.description == "A picture of 1000 x 700 pixels. 4 faces."
    assert label.description is not None
    assert "2 codes of the kind Code 128" in label.description
    assert [code.text for code in label.codes] == [IMEI, SERIAL]


async def test_objects_are_refused_with_what_to_set(alone: House, aino: Actor) -> None:
    with pytest.raises(VisionNotConfigured, match="CONVERTO_AI_OPENAI_API_KEY") as refused:
        await alone.vision.analyze(aino, Wanted(picture=PEOPLE, task=Task.OBJECTS))

    assert (refused.value.status, refused.value.code) == (501, "vision.not_configured")


async def test_health_says_by_whom_each_task_is_done(alone: House) -> None:
    health = await alone.vision.health()

    assert (health.status, health.faces, health.models) == ("degraded", True, False)
    assert {task for task, way in health.tasks.items() if way == "embedded"} == set(Task) - {Task.OBJECTS}


def picture(mode: str, kind: str, size: tuple[int, int] = (300, 200)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 0).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", EmptyPicture),
        (b"%PDF-1.7 and so on", UnsupportedPicture),
        (b"GIF89a", UnsupportedPicture),
        (b"\x00" * 64, UnsupportedPicture),
        (PEOPLE[:3000], DamagedPicture),
        (b"\xff\xd8\xff\xe0", DamagedPicture),
        (picture("RGB", "PNG", (8, 8)), TooSmall),
        (PEOPLE + b"\x00" * 20_000_000, PictureTooLarge),
    ],
)
async def test_what_is_no_good_picture_is_refused_by_name(alone: House, aino: Actor, content: bytes, refusal: type[Error]) -> None:
    with pytest.raises(refusal):
        await alone.vision.analyze(aino, Wanted(picture=content, task=Task.FACES))


@pytest.mark.parametrize(
    ("mode", "kind"), [("1", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("P", "PNG"), ("I;16", "TIFF"), ("CMYK", "JPEG")]
)
async def test_pictures_of_every_mode_are_looked_at(alone: House, aino: Actor, mode: str, kind: str) -> None:
    told = await alone.vision.analyze(aino, Wanted(picture=picture(mode, kind), task=Task.FACES))

    assert told.picture is not None
    assert (told.picture.width, told.face_count) == (300, 0)


async def test_a_language_that_is_not_there_is_refused(alone: House, aino: Actor) -> None:
    with pytest.raises(UnknownLanguage):
        await alone.vision.analyze(aino, Wanted(picture=RECEIPT, task=Task.TEXT, languages="xyz"))


async def test_only_who_may_use_vision_is_answered(alone: House) -> None:
    nobody = somebody().model_copy(update={"scopes": frozenset({"vision:read"})})
    with pytest.raises(Error) as refused:
        await alone.vision.analyze(nobody, Wanted(picture=PEOPLE))
    assert refused.value.code == "forbidden"
