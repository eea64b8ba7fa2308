import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from converto.kernel.blobs import BlobStore, FolderBlobs, S3Blobs, UnknownBlob, open_blobs
from tests.kernel.echo import Process
from tests.kernel.s3 import BUCKET, S3


@dataclass(frozen=True)
class Store:
    """A store, and what lies in it."""

    blobs: BlobStore
    keys: Callable[[], list[str]]


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


@pytest.fixture(params=["folder", "S3", "S3 below a prefix"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """Return a store of each kind."""
    if request.param == "folder":
        folder = tmp_path / "blobs"
        yield Store(FolderBlobs(folder), lambda: sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()))
        return
    s3 = S3()
    process = Process(*s3.routes)
    await process.start()
    environment = {
        "ENDPOINT_URL": process.url,
        "ALLOW_HTTP": "true",
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "REGION": "eu-north-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    prefix = "of/converto/" if "prefix" in request.param else ""
    blobs = open_blobs(tmp_path, f"s3://{BUCKET}/{prefix}")
    assert isinstance(blobs, S3Blobs)
    yield Store(blobs, lambda: sorted(key.removeprefix(prefix) for key in s3.objects if key.startswith(prefix)))
    await process.kill()


@pytest.mark.parametrize("size", [0, 1000, 30_000])
async def test_what_is_put_comes_back_byte_for_byte(store: Store, size: int) -> None:
    content = bytes(range(256)) * size
    await store.blobs.put("ocr/t1/s1/original", content)
    assert await store.blobs.get("ocr/t1/s1/original") == content


@pytest.mark.parametrize("key", ["ocr/t1/s1/page", "ocr/t1", "ocr/t1/s1/original/page", "nothing"])
async def test_what_is_not_there_is_unknown(store: Store, key: str) -> None:
    await store.blobs.put("ocr/t1/s1/original", b"picture")
    with pytest.raises(UnknownBlob) as caught:
        await store.blobs.get(key)
    assert caught.value.details == {"key": key}


async def test_a_prefix_is_removed_with_all_below_it_and_nothing_beside_it(store: Store) -> None:
    for key in ("ocr/t1/s1/original", "ocr/t1/s1/pages/1.png", "ocr/t1/s10/original", "ocr/t2/s1/original"):
        await store.blobs.put(key, b"picture")
    await store.blobs.delete("ocr/t1/s1")
    assert store.keys() == ["ocr/t1/s10/original", "ocr/t2/s1/original"]


async def test_one_document_is_removed_and_its_empty_folder_too(blobs: FolderBlobs, tmp_path: Path) -> None:
    await blobs.put("ocr/t1/s1/original", b"picture")
    await blobs.delete("ocr/t1/s1/original")
    assert not (tmp_path / "blobs/ocr/t1/s1").exists()


async def test_removing_nothing_is_fine(store: Store) -> None:
    await store.blobs.delete("ocr/t1/s1")


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../secret", "ocr/../../secret", "ocr//s1", "ocr/", ".hidden", "ocr/.hidden", "a b", "ä", "a\n", "a\0", "C:\\x"],
)
async def test_a_key_that_could_lead_elsewhere_is_refused(store: Store, key: str) -> None:
    for attempt in (store.blobs.put(key, b""), store.blobs.get(key), store.blobs.delete(key)):
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
