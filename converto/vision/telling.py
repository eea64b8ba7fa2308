"""What is told of a picture: what detectors and the reader found here, joined with what a model says."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from converto.ocr.interface import Box, Reading
from converto.vision.asking import Described, Objects, Said, SaidBox, SaidDevice, SaidFaces, SaidText
from converto.vision.interface import Device, Face, LabelValue, Origin, Receipt, SeenObject, SeenText, Task
from converto.vision.labels import device_of
from converto.vision.look import Look
from converto.vision.privacy import without_biometrics

MOST_TOLD = 4000
MOST_OBJECTS = 200
BORNE_OUT, SAID_ALONE = 0.8, 0.5
_QUOTED_LETTERS = 160
_SURE_ENOUGH, _FEWEST_LETTERS = 0.5, 3
"""Less is what a reader sees in any pattern."""
_WORD = re.compile(r"\w+")


class Telling:
    """Gathers what is told of one picture."""

    def __init__(self, task: Task, look: Look, *, counts_faces: bool) -> None:
        self._task = task
        self._look = look
        self.left_out = False
        self.parts: dict[str, Any] = {"picture": look.facts, "codes": look.codes}
        if counts_faces:
            self.parts |= {"faces": look.faces, "face_count": len(look.faces)}

    def read(self, reading: Reading) -> None:
        """Take in what the reader found."""
        if self._task is Task.RECEIPT:
            self.parts["receipt"] = _receipt(reading)
        elif self._task is Task.DEVICE:
            self.parts["device"] = device_of(reading.text, self._look.codes)
        self.parts["text"] = SeenText(text=reading.text, confidence=reading.confidence, source="ocr")
        if self._task is Task.DESCRIBE:
            self.parts["description"] = description_of(self._look, reading, counts_faces="faces" in self.parts)

    def hear(self, said: Said) -> None:
        """Take in what a model says, but what the reader alone joins."""
        if isinstance(said, Described | SaidDevice):
            self.parts["description"] = self._plain(said.description) or self.parts.get("description")
        if isinstance(said, Objects):
            self.parts["objects"] = tuple(self._objects(said))
        elif isinstance(said, SaidDevice):
            self.parts["device"] = self._joined(self.parts.get("device") or Device(), said)
        elif isinstance(said, SaidText):
            self.parts["text"] = self._text(said.text, self.parts.get("text"))
        elif isinstance(said, SaidFaces):
            faces = tuple(_faces(said))
            self.parts |= {"faces": faces, "face_count": len(faces)}

    def _plain(self, words: str) -> str | None:
        told, left_out = without_biometrics(words[:MOST_TOLD])
        self.left_out = self.left_out or left_out
        return told or None

    def _objects(self, said: Objects) -> Iterator[SeenObject]:
        for one in said.objects[:MOST_OBJECTS]:
            label = self._plain(one.label[:100])
            if label is not None:
                yield SeenObject(label=label, confidence=_share(one.confidence), box=_box(one.box))

    def _joined(self, device: Device, said: SaidDevice) -> Device:
        """Return what labels say, with what a model reads where nothing else was found."""
        text = self._look_text()
        told = {
            name: value.strip()[:100] for name, value in said.model_dump().items() if isinstance(value, str) and name in Device.model_fields
        }
        more = {name: _label(value, text) for name, value in told.items() if value and getattr(device, name) is None}
        return device.model_copy(update=more)

    def _look_text(self) -> str:
        seen: SeenText | None = self.parts.get("text")
        return "" if seen is None else seen.text

    @staticmethod
    def _text(words: str, read: SeenText | None) -> SeenText:
        found = Counter(_WORD.findall(read.text.casefold())) if read is not None else Counter[str]()
        said = Counter(_WORD.findall(words.casefold()))
        borne_out = (said & found).total() / max(1, said.total())
        return SeenText(text=words, confidence=round(borne_out, 3), source="model", other=read.text if read is not None else None)


def _receipt(reading: Reading) -> Receipt:
    return Receipt(
        kind=reading.kind,
        confidence=reading.confidence,
        fields=reading.fields,
        vat_lines=reading.vat_lines,
        line_items=reading.line_items,
        findings=reading.findings,
    )


def description_of(look: Look, reading: Reading, *, counts_faces: bool) -> str:
    """Return in plain words what can be told of a picture without a model."""
    facts = look.facts
    told = [f"A picture of {facts.width} x {facts.height} pixels."]
    if counts_faces and look.faces:
        told.append(f"{_number(len(look.faces), 'face', 'faces')}.")
    for kind, count in sorted(Counter(code.format for code in look.codes).items()):
        told.append(f"{_number(count, f'code of the kind {kind}', f'codes of the kind {kind}')}.")
    words = " ".join(reading.text.split())
    if reading.confidence >= _SURE_ENOUGH and sum(letter.isalnum() for letter in words) >= _FEWEST_LETTERS:
        told.append(f"It says: “{words[:_QUOTED_LETTERS]}{'…' if len(words) > _QUOTED_LETTERS else ''}”")
    return " ".join(told)


def _number(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _faces(said: SaidFaces) -> Iterator[Face]:
    for one in said.faces[:MOST_OBJECTS]:
        box = _box(one.box)
        if box is not None:
            yield Face(box=box, confidence=_share(one.confidence), source=Origin.MODEL)


def _label(value: str, text: str) -> LabelValue:
    stands = value.casefold() in text.casefold()
    return LabelValue(value=value, confidence=BORNE_OUT if stands else SAID_ALONE, source="model")


def _share(confidence: float) -> float:
    return min(1.0, max(0.0, confidence))


def _box(said: SaidBox | None) -> Box | None:
    """Return a model's box; one that is not on the picture is none."""
    if said is None or min(said.x, said.y) < 0 or min(said.width, said.height) <= 0:
        return None
    if said.x + said.width > 1.001 or said.y + said.height > 1.001:
        return None
    return Box(x=said.x, y=said.y, width=min(said.width, 1 - said.x), height=min(said.height, 1 - said.y))


def shown(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was told as it is kept."""
    return {name: _plain(value) for name, value in parts.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value
