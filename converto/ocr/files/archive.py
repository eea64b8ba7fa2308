"""Several files at once, or those in a ZIP archive: one after another, each whole or with the reason why not.

Nothing is ever written under a name from an archive. No size that an archive states is believed: what is unpacked is counted as it comes.
"""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from converto.kernel.errors import Error
from converto.ocr.interface import BatchFile, RefusedFile
from converto.ocr.refusals import (
    ArchiveTooLarge,
    DamagedFile,
    EncryptedMember,
    FileTooLarge,
    Folder,
    HiddenFile,
    NestedArchive,
    TooCompressed,
    TooManyFiles,
    UnsafePath,
)

MAX_RATIO = 100
"""How many times as large as in the archive a file may be: pictures and PDFs, which are compressed already, hardly grow."""
_SMALL_BYTES = 1024 * 1024
"""What is no larger may have any ratio."""
_MARKS = (b"PK\x03\x04", b"PK\x05\x06")
_ENTRY_MARK = b"PK\x01\x02"
_ENCRYPTED = 0x1
_HIDDEN = ("Thumbs.db", "desktop.ini")
_LONGEST_NAME = 255
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, RuntimeError, OverflowError, LookupError)


@dataclass(frozen=True)
class Limits:
    """How much is taken at once."""

    max_files: int
    max_file_bytes: int
    max_bytes: int


def is_zip(content: bytes) -> bool:
    """Tell whether a file is a ZIP archive, by its first bytes."""
    return content.startswith(_MARKS)


def unpacked(files: Sequence[BatchFile], limits: Limits) -> Iterator[BatchFile | RefusedFile]:
    """Yield each file, or why it is not taken; meant to be drawn off the event loop, one at a time.

    Raises TooManyFiles, ArchiveTooLarge or DamagedFile, which are for the whole.
    """
    counted = _Counted(limits)
    for file in files:
        if is_zip(file.content):
            yield from _members(file, counted)
        else:
            counted.file(len(file.content))
            yield file


class _Counted:
    """Counts files and bytes over everything that came together."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._files = self._bytes = 0

    def file(self, size: int = 0) -> None:
        self._files += 1
        if self._files > self.limits.max_files:
            raise TooManyFiles(max_files=self.limits.max_files)
        self._bytes += size
        if self._bytes > self.limits.max_bytes:
            raise ArchiveTooLarge(max_bytes=self.limits.max_bytes)


def _members(archive: BatchFile, counted: _Counted) -> Iterator[BatchFile | RefusedFile]:
    # counted before the archive is opened, for its list of contents is held as a whole
    if archive.content.count(_ENTRY_MARK) > 2 * counted.limits.max_files:
        raise TooManyFiles(max_files=counted.limits.max_files)
    try:
        opened = zipfile.ZipFile(io.BytesIO(archive.content))
    except _DAMAGE as error:
        raise DamagedFile(kind="ZIP") from error
    with opened:
        for member in opened.infolist():
            name = "".join(letter for letter in member.filename if letter.isprintable())[-_LONGEST_NAME:]
            try:
                _check(member)
                content = _content(opened, member, counted.limits)
            except Error as refusal:
                counted.file()
                yield RefusedFile(filename=name, code=refusal.code, detail=refusal.detail)
                continue
            counted.file(len(content))
            yield BatchFile(content=content, filename=PurePosixPath(name.replace("\\", "/")).name)


def _check(member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts[:1] and path.parts[0].endswith(":")):
        raise UnsafePath
    if member.is_dir():
        raise Folder
    if any(part.startswith((".", "__MACOSX")) for part in path.parts) or path.name in _HIDDEN:
        raise HiddenFile
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:  # a link, or a device
        raise UnsafePath
    if member.flag_bits & _ENCRYPTED:
        raise EncryptedMember
    if member.file_size > _SMALL_BYTES and member.file_size > MAX_RATIO * member.compress_size:
        raise TooCompressed(ratio=member.file_size // max(1, member.compress_size), max_ratio=MAX_RATIO)


def _content(opened: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> bytes:
    if member.file_size > limits.max_file_bytes:
        raise FileTooLarge(bytes=member.file_size, max_bytes=limits.max_file_bytes)
    try:
        with opened.open(member) as file:
            content = file.read(limits.max_file_bytes + 1)
    except _DAMAGE as error:
        raise DamagedFile(kind="packed") from error
    if len(content) > limits.max_file_bytes:
        raise FileTooLarge(bytes=len(content), max_bytes=limits.max_file_bytes)
    if is_zip(content):
        raise NestedArchive
    return content
