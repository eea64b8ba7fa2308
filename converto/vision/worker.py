"""One process that looks at pictures: `python -m converto.vision.worker PARENT_PID MAX_MEMORY_BYTES`; its only call is `look`."""

import sys
from pathlib import Path
from typing import Any

from converto.kernel.worker_process import UnderWay, serve
from converto.vision import barcodes, faces
from converto.vision.interface import PictureFacts
from converto.vision.kinds import kind_of
from converto.vision.look import Look, LookFor
from converto.vision.pictures import blurred, jpeg, opened, within
from converto.vision.refusals import LookingStopped, TooMuchMemory


def look(picture: bytes, wanted: LookFor) -> Look:
    """Return what is on a picture. Raises what `pictures.opened` raises."""
    kind = kind_of(picture, max_bytes=len(picture) + 1)
    seen = opened(picture, kind)
    found = faces.find(seen, least_confidence=wanted.least_face_confidence) if wanted.faces or wanted.blur else ()
    facts = PictureFacts(media_type=f"image/{kind.lower()}", bytes=len(picture), width=seen.width, height=seen.height)
    codes = barcodes.read(seen) if wanted.codes else ()
    if wanted.blur:
        seen = blurred(seen, [face.box for face in found])
    shown = jpeg(within(seen, wanted.shown_side_pixels)) if wanted.shown_side_pixels else None
    return Look(facts=facts, faces=found, codes=codes, shown=shown, blurred=jpeg(seen) if wanted.blur else None)


def work(job: dict[str, Any], _: UnderWay) -> bytes:
    """Do a job and return the answer."""
    return look(Path(job["path"]).read_bytes(), LookFor.model_validate(job["wanted"])).model_dump_json().encode()


if __name__ == "__main__":
    serve(work, sys.argv[1:], too_much_memory=TooMuchMemory, stopped=LookingStopped)
