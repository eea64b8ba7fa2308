"""Archives, honest and hostile: what is taken of them, and why the rest is not."""

import io
import struct
import zipfile
from collections.abc import Iterator

import pytest

from converto.kernel.errors import Error
from converto.ocr.files.archive import Limits, unpacked
from converto.ocr.interface import BatchFile, RefusedFile
from converto.ocr.refusals import ArchiveTooLarge, DamagedFile, TooManyFiles

LIMITS = Limits(max_files=20, max_file_bytes=3_000_000, max_bytes=8_000_000)
CONTENT = b"%PDF-1.7 of a kind"
S_IFLNK = 0o120777 << 16


def packed(*members: tuple[str, bytes], stored: bool = False) -> bytes:
    """Return an archive of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name) if stored else name, content)
    return file.getvalue()


def encrypted(archive: bytes) -> bytes:
    """Return an archive whose first file says that it asks for a password."""
    changed = bytearray(archive)
    changed[6] |= 1
    changed[changed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def link() -> bytes:
    """Return an archive with a symbolic link."""
    file, entry = io.BytesIO(), zipfile.ZipInfo("kuitti.pdf")
    entry.external_attr = S_IFLNK
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    return file.getvalue()


def lying() -> bytes:
    """Return an archive that states a size of one byte for what is two million."""
    changed = bytearray(packed(("kuitti.pdf", bytes(2_000_000))))
    at = changed.index(b"PK\x01\x02")
    changed[at + 24 : at + 28] = struct.pack("<I", 1)
    return bytes(changed)


def of(*contents: bytes) -> list[BatchFile | RefusedFile]:
    return list(unpacked([BatchFile(content=content, filename=f"{at}.zip") for at, content in enumerate(contents)], LIMITS))


def told(content: bytes) -> list[tuple[str, str]]:
    """Return each file with `taken` or the code of its refusal."""
    return [(one.filename, one.code if isinstance(one, RefusedFile) else "taken") for one in of(content)]


def test_an_archive_stands_for_the_files_in_it_and_other_files_for_themselves() -> None:
    files = of(packed(("marraskuu/kuitti 1.pdf", CONTENT), ("Äiti.pdf", CONTENT)), CONTENT)
    assert [one.filename for one in files] == ["kuitti 1.pdf", "Äiti.pdf", "1.zip"]
    assert {one.content for one in files if isinstance(one, BatchFile)} == {CONTENT}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../etc/passwd", "ocr.unsafe_path"),
        ("/etc/passwd", "ocr.unsafe_path"),
        ("a/../../b.pdf", "ocr.unsafe_path"),
        ("..\\b.pdf", "ocr.unsafe_path"),
        ("C:\\b.pdf", "ocr.unsafe_path"),
        ("kuitit/", "ocr.folder"),
        ("__MACOSX/._kuitti.pdf", "ocr.hidden_file"),
        (".DS_Store", "ocr.hidden_file"),
        ("kuitit/.piilo/a.pdf", "ocr.hidden_file"),
        ("Thumbs.db", "ocr.hidden_file"),
    ],
)
def test_a_name_that_is_none_of_a_document_is_passed_over_and_its_neighbour_taken(name: str, code: str) -> None:
    assert told(packed((name, b"" if name.endswith("/") else CONTENT), ("kuitti.pdf", CONTENT))) == [(name, code), ("kuitti.pdf", "taken")]


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        (packed(("bomb.pdf", bytes(2_900_000))), "ocr.too_compressed"),
        (packed(("large.pdf", bytes(3_000_001))), "ocr.too_compressed"),
        (packed(("large.pdf", bytes(3_000_001)), stored=True), "ocr.file_too_large"),
        (packed(("inner.zip", packed(("kuitti.pdf", CONTENT)))), "ocr.nested_archive"),
        (packed(("inner.pdf", packed())), "ocr.nested_archive"),
        (encrypted(packed(("secret.pdf", CONTENT))), "ocr.encrypted_member"),
        (link(), "ocr.unsafe_path"),
        (lying(), "ocr.damaged_file"),
        (packed(("kuitti.pdf", CONTENT), stored=True).replace(b"%PDF", b"%PDX", 1), "ocr.damaged_file"),
    ],
    ids=["ratio", "ratio of a large one", "size", "zip", "zip by another name", "password", "link", "lie", "checksum"],
)
def test_a_hostile_file_is_refused_with_its_reason(archive: bytes, code: str) -> None:
    assert [found for _, found in told(archive)] == [code]


def test_more_files_than_are_taken_are_refused_as_a_whole() -> None:
    for archive in (packed(*((f"{number}.pdf", CONTENT) for number in range(21))), packed(*((f"{number}/", b"") for number in range(50)))):
        with pytest.raises(TooManyFiles):
            of(archive)


def test_more_bytes_than_are_taken_are_refused_as_a_whole() -> None:
    with pytest.raises(ArchiveTooLarge):
        of(packed(*((f"{number}.pdf", bytes(2_900_000)) for number in range(3)), stored=True))


def cuts() -> Iterator[bytes]:
    whole = packed(("kuitti.pdf", CONTENT), ("toinen.pdf", CONTENT * 50))
    yield from (whole[: max(4, len(whole) * tenth // 10)] for tenth in range(10))
    for at in range(4, len(whole), 3):
        yield whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]


def test_no_damage_is_anything_but_a_refusal() -> None:
    for archive in cuts():
        try:
            of(archive)
        except Error as refusal:
            assert isinstance(refusal, DamagedFile | TooManyFiles)  # noqa: PT017 - most are no error at all
