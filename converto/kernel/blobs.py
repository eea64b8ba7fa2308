"""Where documents lie: a folder by default, S3 (or its like) by configuration."""

import asyncio
import contextlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Protocol

from converto.kernel.errors import NotFound

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


class UnknownBlob(NotFound):
    """The bytes are not there."""

    code = "blobs.unknown"
    message = "The stored document {key} is not there."


class BlobStore(Protocol):
    """Bytes under keys such as `ocr/<tenant>/<scan>/original`. A key is written once, whole or not at all."""

    async def put(self, key: str, content: bytes) -> None:
        """Keep the bytes durably."""
        ...

    async def get(self, key: str) -> bytes:
        """Return the bytes. Raises UnknownBlob."""
        ...

    async def delete(self, prefix: str) -> None:
        """Remove the key, and every key below it; nothing there is fine."""
        ...


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        msg = f"not a key for a document: {key!r}"
        raise ValueError(msg)
    return key


class FolderBlobs:
    """Documents as files below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, content: bytes) -> None:
        """Write the file beside its place, flush it to disk and move it there."""
        await asyncio.to_thread(self._put, self._folder / _checked(key), content)

    async def get(self, key: str) -> bytes:
        """Read the file."""
        try:
            return await asyncio.to_thread((self._folder / _checked(key)).read_bytes)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise UnknownBlob(key=key) from error

    async def delete(self, prefix: str) -> None:
        """Remove the file or the folder, and the folders that this leaves empty."""
        await asyncio.to_thread(self._delete, self._folder / _checked(prefix))

    @staticmethod
    def _put(file: Path, content: bytes) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as beside:
                beside.write(content)
                beside.flush()
                os.fsync(beside.fileno())
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _delete(self, path: Path) -> None:
        if path.is_dir():
            for child in path.iterdir():
                self._delete(child)
        path.unlink(missing_ok=True) if not path.is_dir() else path.rmdir()
        with contextlib.suppress(OSError):
            path.parent.rmdir()


class S3Blobs:
    """Documents as objects in a bucket; keys and endpoint come from the usual AWS_... variables."""

    def __init__(self, url: str) -> None:
        import obstore.store  # noqa: PLC0415 - an extra, wanted only where S3 is configured

        self._store: Any = obstore.store.from_url(url)

    async def put(self, key: str, content: bytes) -> None:
        """Write the object."""
        await self._store.put_async(_checked(key), content)

    async def get(self, key: str) -> bytes:
        """Read the object."""
        try:
            answer = await self._store.get_async(_checked(key))
        except FileNotFoundError as error:
            raise UnknownBlob(key=key) from error
        return bytes(await answer.bytes_async())

    async def delete(self, prefix: str) -> None:
        """Remove the object and those below it."""
        wanted = _checked(prefix)
        found = [meta["path"] async for batch in self._store.list(wanted) for meta in batch]
        keys = [key for key in {wanted, *found} if key == wanted or key.startswith(f"{wanted}/")]
        with contextlib.suppress(FileNotFoundError):
            await self._store.delete_async(keys)


def open_blobs(data_dir: Path, url: str | None) -> BlobStore:
    """Return the store that is configured."""
    return S3Blobs(url) if url else FolderBlobs(data_dir / "blobs")
