"""What is installed here to read pictures with, told without loading any of it."""

import re
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from importlib.util import find_spec

from converto.ocr.refusals import ReaderMissing, UnknownLanguage

COMMAND = "tesseract"
_ACCURATE_NEEDS = ("rapidocr", "onnxruntime", "numpy", "cv2")
_LANGUAGE = re.compile(r"[a-z]{3}(?:_[a-z]+)?", re.IGNORECASE)
_LISTED = re.compile(r'languages in "(?P<folder>[^"]+)".*\n(?P<languages>(?:.+\n?)*)')
_VERSION = re.compile(r"tesseract v?(?P<version>\d\S*)")
_LONGEST_ANSWER_S = 30.0


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that Tesseract can read here. Raises ReaderMissing."""
    found = _LISTED.search(_told("--list-langs"))
    if found is None:
        raise ReaderMissing
    return tuple(sorted(language for language in found["languages"].split() if language != "osd"))


@cache
def tessdata() -> str:
    """Return the folder with Tesseract's languages; empty where it cannot be told. Raises ReaderMissing."""
    found = _LISTED.search(_told("--list-langs"))
    return found["folder"] if found is not None else ""


@cache
def version() -> str:
    """Return the version of Tesseract's command. Raises ReaderMissing."""
    found = _VERSION.search(_told("--version"))
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
