"""Documents of which is known what stands on them: a folder of pictures with their truth, or the project's own samples."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pypdfium2
from PIL import Image, ImageOps

from samples.degraded import KINDS, degraded

SAMPLES = Path(__file__).parents[2] / "samples" / "documents"
_NAMES = {"company": "vendor"}
_DPI = 200
_POINTS_AN_INCH = 72


@dataclass(frozen=True)
class Document:
    """A file, the languages to read it in, what each field is, and the words on it where these are known."""

    path: Path
    languages: tuple[str, ...]
    fields: Mapping[str, str]
    vat_lines: Sequence[Mapping[str, str]] = ()
    words: Sequence[str] = field(default=())

    @property
    def is_picture(self) -> bool:
        """Tell whether the `tesseract` command reads it too."""
        return self.path.suffix.lower() != ".pdf"


def given(folder: Path, languages: Sequence[str]) -> list[Document]:
    """Return the documents of a folder with `img/` and `gt.json`.

    The latter says of each file's stem `{"entities": {"company": ..., "date": ..., "total": ...}, "words": [...]}`.
    """
    files = {path.stem: path for path in (folder / "img").iterdir()}
    truths = json.loads((folder / "gt.json").read_text(encoding="utf-8"))
    return [_given(files[stem], truth, tuple(languages)) for stem, truth in sorted(truths.items()) if stem in files]


def _given(path: Path, truth: Mapping[str, Any], languages: tuple[str, ...]) -> Document:
    fields = {_NAMES.get(name, name): value for name, value in truth["entities"].items() if value}
    return Document(path, languages, fields, truth.get("vat_lines", ()), truth.get("words", ()))


@contextmanager
def own() -> Iterator[list[Document]]:
    """Give the project's own samples: as they are, and their pages blurred, tilted and faded."""
    truths = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["documents"]
    with tempfile.TemporaryDirectory(prefix="converto-bench-") as folder:
        yield [document for truth in truths for document in _variants(truth, Path(folder))]


def _variants(truth: Mapping[str, Any], folder: Path) -> Iterator[Document]:
    path = SAMPLES / truth["file"]
    fields = {name: value for name, value in truth["fields"].items() if value}
    yield Document(path, tuple(truth["languages"]), fields, truth["vat_lines"])
    pages = list(_pages(path))
    for kind in KINDS:
        worse = [degraded(page, kind, seed=f"{path.stem} {number}") for number, page in enumerate(pages)]
        file = folder / f"{path.stem}-{kind}.{'png' if len(worse) == 1 else 'tif'}"
        if len(worse) == 1:
            worse[0].save(file)
        else:
            worse[0].save(file, save_all=True, append_images=worse[1:], compression="tiff_lzw")
        yield Document(file, tuple(truth["languages"]), fields, truth["vat_lines"])


def _pages(path: Path) -> Iterator[Image.Image]:
    if path.suffix == ".pdf":
        with pypdfium2.PdfDocument(path) as document:
            for page in document:
                yield page.render(scale=_DPI / _POINTS_AN_INCH, grayscale=True).to_pil()
        return
    with Image.open(path) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            yield ImageOps.exif_transpose(picture).convert("L")
