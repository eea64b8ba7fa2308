"""What is installed here to read pictures with, told without loading any of it."""

import os
import re
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

from converto.ocr.refusals import ReaderMissing, UnknownLanguage

COMMAND = "tesseract"
TESSDATA = "TESSDATA_PREFIX"
"""Tesseract's own variable: the folder with its languages."""
_ACCURATE_NEEDS = ("rapidocr", "onnxruntime", "numpy", "cv2")
_LANGUAGE = re.compile(r"[a-z]{3}(?:_[a-z]+)?", re.IGNORECASE)
_FOLDER = re.compile(r'languages in "(?P<folder>[^"]+)"')
_VERSION = re.compile(r"tesseract v?(?P<version>\d\S*)")
_LONGEST_ANSWER_S = 30.0


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that Tesseract can read here. Raises ReaderMissing."""
    found = sorted(file.stem for file in Path(tessdata()).glob("*.traineddata") if file.stem != "osd")
    if not found:
        raise ReaderMissing
    return tuple(found)


@cache
def tessdata() -> str:
    """Return the folder with Tesseract's languages. Raises ReaderMissing."""
    given = os.environ.get(TESSDATA)
    if given:
        return given
    found = _FOLDER.search(_told("--list-langs"))
    if found is None:
        raise ReaderMissing
    return found["folder"]


@cache
def version() -> str:
    """Return the version of Tesseract's command, or of what brings Tesseract along where there is no command. Raises ReaderMissing."""
    try:
        found = _VERSION.search(_told("--version"))
    except ReaderMissing:
        if has_tesserocr() and os.environ.get(TESSDATA):
            return tesserocr_version()
        raise
    if found is None:
        raise ReaderMissing
    return found["version"]


def check_languages(wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the languages without repeats, in order. Raises UnknownLanguage when one is not installed."""
    known = languages()
    for language in wanted or ("",):
        if not _LANGUAGE.fullmatch(language) or language not in known:
            raise UnknownLanguage(language=language, installed=", ".join(known))
    return tuple(dict.fromkeys(wanted))


@cache
def has_tesserocr() -> bool:
    """Tell whether Tesseract can be run within a process."""
    return find_spec("tesserocr") is not None


def tesserocr_version() -> str:
    """Return the version of tesserocr; empty where it is not installed."""
    return installed_version("tesserocr") if has_tesserocr() else ""


def has_rapidocr() -> bool:
    """Tell whether RapidOCR and what it needs is here."""
    return all(find_spec(package) is not None for package in _ACCURATE_NEEDS)


def rapidocr_version() -> str:
    """Return the version of RapidOCR; empty where it is not installed."""
    try:
        return installed_version("rapidocr") if has_rapidocr() else ""
    except PackageNotFoundError:
        return ""


def _told(question: str) -> str:
    """Return what Tesseract's command answers, on whichever of its outputs."""
    try:
        answer = subprocess.run(  # noqa: S603 - the command that reads, and a word of ours
            [COMMAND, question], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True, timeout=_LONGEST_ANSWER_S
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        raise ReaderMissing from error
    return answer.stdout
