import asyncio
import os
from pathlib import Path

import pytest

from converto.kernel.blobs import FolderBlobs, UnknownBlob, open_blobs


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


async def test_what_is_put_comes_back_byte_for_byte(blobs: FolderBlobs) -> None:
    content = bytes(range(256)) * 1000
    await blobs.put("ocr/t1/s1/original", content)
    assert await blobs.get("ocr/t1/s1/original") == content


@pytest.mark.parametrize("key", ["ocr/t1/s1/page", "ocr/t1", "ocr/t1/s1/original/page", "nothing"])
async def test_what_is_not_there_is_unknown(blobs: FolderBlobs, key: str) -> None:
    await blobs.put("ocr/t1/s1/original", b"picture")
    with pytest.raises(UnknownBlob) as caught:
        await blobs.get(key)
    assert caught.value.details == {"key": key}


async def test_a_prefix_is_removed_with_all_below_it_and_nothing_beside_it(blobs: FolderBlobs, tmp_path: Path) -> None:
    for key in ("ocr/t1/s1/original", "ocr/t1/s1/pages/1.png", "ocr/t1/s10/original", "ocr/t2/s1/original"):
        await blobs.put(key, b"picture")
    await blobs.delete("ocr/t1/s1")
    assert files_in(tmp_path / "blobs") == ["ocr/t1/s10/original", "ocr/t2/s1/original"]


async def test_one_document_is_removed_and_its_empty_folder_too(blobs: FolderBlobs, tmp_path: Path) -> None:
    await blobs.put("ocr/t1/s1/original", b"picture")
    await blobs.delete("ocr/t1/s1/original")
    assert not (tmp_path / "blobs/ocr/t1/s1").exists()


async def test_removing_nothing_is_fine(blobs: FolderBlobs) -> None:
    await blobs.delete("ocr/t1/s1")


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../secret", "ocr/../../secret", "ocr//s1", "ocr/", ".hidden", "ocr/.hidden", "a b", "ä", "a\n", "a\0", "C:\\x"],
)
async def test_a_key_that_could_lead_elsewhere_is_refused(blobs: FolderBlobs, key: str) -> None:
    for attempt in (blobs.put(key, b""), blobs.get(key), blobs.delete(key)):
        with pytest.raises(ValueError, match="not a key"):
            await attempt


async def test_a_writer_that_fails_leaves_the_old_content_and_no_half_file(blobs: FolderBlobs, tmp_path: Path) -> None:
    await blobs.put("ocr/t1/original", b"old")
    with pytest.raises(TypeError):
        await blobs.put("ocr/t1/original", "no bytes")  # type: ignore[arg-type]
    assert (await blobs.get("ocr/t1/original"), os.listdir(tmp_path / "blobs/ocr/t1")) == (b"old", ["original"])  # noqa: PTH208


async def test_a_reader_sees_one_whole_content_or_the_other(blobs: FolderBlobs) -> None:
    old, new = b"o" * 1_000_000, b"n" * 1_000_000
    await blobs.put("page", old)
    writing = asyncio.create_task(blobs.put("page", new))
    seen = {await blobs.get("page")}
    while not writing.done():
        seen.add(await blobs.get("page"))
    await writing
    assert seen <= {old, new}


def test_the_default_is_a_folder_in_the_data_folder(data_dir: Path) -> None:
    assert isinstance(open_blobs(data_dir, None), FolderBlobs)
