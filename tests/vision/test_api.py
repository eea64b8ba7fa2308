"""Vision over HTTP, by the whole application."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from converto.auth.roles import Role
from converto.kernel.interface import Value
from converto.vision import asking, interface
from tests.isolation.town import Somebody, Town, empty_town
from tests.vision.test_alone import LABEL, PEOPLE

BIOMETRIC = (
    "age",
    "gender",
    "sex",
    "emotion",
    "mood",
    "ethnic",
    "race",
    "origin",
    "identity",
    "name_of",
    "skin",
    "religion",
    "embedding",
    "template",
)
PLAIN = {"Origin", "average", "image", "language", "languages", "usage", "message", "page", "pages", "imei"}


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with empty_town(tmp_path_factory.mktemp("town")) as town:
        yield town


async def test_a_form_is_answered_with_what_the_surface_promises(town: Town) -> None:
    answer = await town.ask(town.owner, "POST", "/vision/analyze", files={"file": ("p.jpg", PEOPLE)}, data={"task": "faces"})

    told = answer.json()
    assert answer.status_code == 200, told
    assert {"id", "task", "description", "objects", "faces", "receipt", "device", "model", "cost"} <= told.keys()
    assert (told["task"], told["face_count"], told["cost"]) == ("faces", 4, {"amount": "0", "currency": "EUR"})
    assert {"box", "confidence"} <= told["faces"][0].keys()
    assert (await town.ask(town.owner, "GET", f"/vision/analyses/{told['id']}")).json() == told
    assert (await town.ask(town.owner, "GET", "/vision/analyses")).json()["items"][0]["id"] == told["id"]


@pytest.mark.parametrize("before", ["", "data:image/png;base64,"])
async def test_json_is_answered_too(town: Town, before: str) -> None:
    body = {"image": before + base64.b64encode(LABEL).decode(), "task": "device", "local_only": True}
    answer = await town.ask(town.owner, "POST", "/vision/analyze", json=body)

    assert answer.status_code == 200, answer.text
    assert answer.json()["device"]["model"]["value"] == "KX-200"


async def test_a_form_says_yes_and_no_in_words(town: Town) -> None:
    file, data = {"file": ("p.jpg", PEOPLE)}, {"task": "faces", "local_only": "true", "blur_faces": "false"}
    answer = await town.ask(town.owner, "POST", "/vision/analyze", files=file, data=data)
    refused = await town.ask(town.owner, "POST", "/vision/analyze", files=file, data=data | {"local_only": "perhaps"})

    assert answer.status_code == 200, answer.text
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/local_only")


async def test_objects_are_answered_501_with_the_setting_to_use(town: Town) -> None:
    answer = await town.ask(town.owner, "POST", "/vision/analyze", files={"file": ("p.jpg", PEOPLE)}, data={"task": "objects"})

    assert (answer.status_code, answer.json()["code"]) == (501, "vision.not_configured")
    assert "CONVERTO_AI_OPENAI_API_KEY" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"json": {"image": "%%%"}}, 422, "vision.no_base64"),
        ({"json": {"image": "", "task": "faces"}}, 422, "invalid_request"),
        ({"json": {"task": "faces"}}, 422, "invalid_request"),
        ({"json": ["image"]}, 422, "invalid_request"),
        ({"json": {"image": "aGVsbG8=", "task": "people"}}, 422, "invalid_request"),
        ({"json": {"image": "aGVsbG8="}}, 415, "vision.unsupported_picture"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "gateway.bad_json"),
        ({"content": b"", "headers": {"content-type": "text/plain"}}, 422, "invalid_request"),
        ({"files": {"file": ("p.jpg", b"")}}, 422, "vision.empty_picture"),
        ({"files": {"other": ("p.jpg", PEOPLE)}}, 422, "invalid_request"),
        ({"files": {"file": ("p.jpg", PEOPLE)}, "data": {"blur_faces": "perhaps"}}, 422, "invalid_request"),
        ({"files": {"file": ("p.jpg", PEOPLE[:5000])}}, 422, "vision.damaged_picture"),
    ],
)
async def test_wrong_input_is_refused_by_name(town: Town, given: dict[str, Any], status: int, code: str) -> None:
    answer = await town.ask(town.owner, "POST", "/vision/analyze", **given)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_analyses_are_counted_in_the_plan_and_failures_are_not(town: Town) -> None:
    aino = await town.member(await town.company("Toinen Oy"), Role.OWNER)
    await town.ask(aino, "POST", "/vision/analyze", files={"file": ("p.png", LABEL[:900])}, data={"task": "faces"})
    await town.ask(aino, "POST", "/vision/analyze", files={"file": ("p.png", LABEL)}, data={"task": "faces"})

    async with asyncio.timeout(30):
        while not (counted := await used(town, aino)):  # noqa: ASYNC110 - billing hears of it by an event
            await asyncio.sleep(0.05)
    assert counted == 1


async def used(town: Town, who: Somebody) -> int:
    answer = await town.ask(who, "GET", "/billing/usage?feature=vision_analyses_per_month")
    return sum(int(line["quantity"]) for line in answer.json()["items"])


def test_no_answer_has_a_field_for_what_people_are(town: Town) -> None:
    named = set(_fields(town.app.openapi()))
    shapes = [question.shape for question in asking.QUESTIONS.values()]
    asked = {name for shape in shapes for name in _fields(asking.schema_of(shape))}

    assert {"landmarks", "face_count", "confidence"} <= named
    assert [name for name in named | asked if name not in PLAIN and any(part in name.lower().split("_") for part in BIOMETRIC)] == []


def _fields(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of all fields of the schemas that vision answers with, or asks for."""
    known = document.get("components", {}).get("schemas", document.get("$defs", {}))
    own = {kind.__name__ for kind in vars(interface).values() if isinstance(kind, type) and issubclass(kind, Value)}
    schemas = [schema for name, schema in known.items() if "$defs" in document or name in own] + [document]
    for schema in schemas:
        yield from schema.get("properties", {})
