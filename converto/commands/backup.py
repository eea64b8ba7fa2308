"""`converto backup` and `converto restore`: the data folder in one archive, all of it as it was at one moment, and back again.

The databases of all modules are copied as of one moment, while everybody goes on working: for the blink in which the copies begin, no
transaction may be under way in any of them. So a fact that one module told is in another's database too, or still in the outbox.
Documents are copied before the databases, and those that came meanwhile after them: none that a database speaks of is missing.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import converto
from converto.kernel.clock import now
from converto.kernel.config import CannotStart, Settings
from converto.kernel.sqlite_copies import CannotCopy, copies, is_in_use

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_DATA: Final = "data/"
_MAX_MANIFEST_BYTES: Final = 500_000_000
_DATABASE: Final = ".db"
_OF_A_DATABASE: Final = re.compile(r"[^/]+\.db(-wal|-shm|-journal)?")
_PIECE_BYTES: Final = 1 << 20


def backup(settings: Settings, archive: Path) -> None:
    """Write the data folder into a new archive, which only its owner may read: secrets are in it. Raises CannotStart; then none is left."""
    folder = settings.data_dir
    if not folder.is_dir():
        msg = f"There is nothing to back up: {folder} is no folder. CONVERTO_DATA_DIR says which one is."
        raise CannotStart(msg)
    if archive.exists():
        msg = f"{archive} is there already: name another file."
        raise CannotStart(msg)
    if archive.resolve().is_relative_to(folder.resolve()):
        msg = f"{archive} would lie in the data folder, and in the next backup: name a file elsewhere."
        raise CannotStart(msg)
    draft = archive.with_name(f".{archive.name}.{os.getpid()}")
    try:
        kept = _write(folder, draft)
        draft.replace(archive)
    except (OSError, CannotCopy) as error:
        msg = f"The backup could not be written: {error}."
        raise CannotStart(msg) from error
    finally:
        draft.unlink(missing_ok=True)
    databases = sum(name.endswith(_DATABASE) for name in kept)
    print(f"{archive}  {archive.stat().st_size / 1e6:.1f} MB: {databases} databases, {len(kept) - databases} other files")
    for missing in _elsewhere(settings):
        print(f"Not in it: {missing}", file=sys.stderr)


def restore(settings: Settings, archive: Path, *, replaces: bool) -> None:
    """Make the data folder what an archive holds, if every byte of it is as it was written.

    With `replaces` a folder that is there already is moved aside. Raises CannotStart; then nothing has changed.
    """
    folder = settings.data_dir.absolute()
    is_there = folder.is_dir() and any(folder.iterdir())
    if is_there and not replaces:
        msg = f"{folder} is not empty: with --replace it is moved aside, and nothing in it is lost."
        raise CannotStart(msg)
    if is_there:
        _refuse_if_open(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        manifest = _extract(archive, draft)
        if is_there:
            aside = folder.with_name(f"{folder.name}.before-{now():%Y%m%dT%H%M%S%f}")
            folder.rename(aside)
            print(f"What was there lies in {aside}")
        draft.replace(folder)
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        msg = f"{archive} cannot be restored: {error}. Nothing was changed."
        raise CannotStart(msg) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    print(f"{folder}  {len(manifest['files'])} files as of {manifest['at']}, by Converto {manifest['version']}")


def _write(folder: Path, archive: Path) -> Mapping[str, Any]:
    """Write everything into an archive, its manifest last; return what is in it."""
    handle = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        kept: dict[str, Any] = {}
        _add_files(tar, folder, kept)
        at = now().isoformat()
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".converto-") as beside:
            databases = sorted(path for path in folder.iterdir() if path.suffix == _DATABASE)
            for copy in copies(databases, Path(beside)):
                kept[copy.name] = _add(tar, copy, copy.name)
        _add_files(tar, folder, kept)
        manifest = {"format": FORMAT, "version": converto.__version__, "at": at, "files": kept}
        _add_text(tar, MANIFEST, json.dumps(manifest, indent=1))
        tar.close()
        file.flush()
        os.fsync(file.fileno())
    return kept


def _add_files(tar: tarfile.TarFile, folder: Path, kept: dict[str, Any]) -> None:
    """Add the files that are not in it yet, but for databases and what is half written."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name in kept or _OF_A_DATABASE.fullmatch(name) or path.name.startswith(".") or path.is_symlink() or not path.is_file():
            continue
        with contextlib.suppress(FileNotFoundError):  # somebody has removed the document meanwhile
            kept[name] = _add(tar, path, name)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> Mapping[str, Any]:
    with path.open("rb") as file:
        member = tar.gettarinfo(arcname=f"{_DATA}{name}", fileobj=file)
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        hashing = _Hashing(file, member.size)
        tar.addfile(member, hashing)
    return {"bytes": member.size, "sha256": hashing.digest.hexdigest()}


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(text.encode()), 0o600
    tar.addfile(member, io.BytesIO(text.encode()))


class _Hashing(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: io.BufferedReader, size_bytes: int) -> None:
        self._file = file
        self._left_bytes = size_bytes
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read on, no further than the file was long at first."""
        piece = self._file.read(self._left_bytes if size < 0 else min(size, self._left_bytes))
        self._left_bytes -= len(piece)
        self.digest.update(piece)
        return piece


def _elsewhere(settings: Settings) -> Iterator[str]:
    """Yield what a person has to back up by other means."""
    if settings.database_url is not None:
        yield "the databases, which are PostgreSQL's: pg_dump --format=custom copies them (docs/operations.md)."
    if settings.blobs_url:
        yield "the documents, which lie in a bucket: let it keep versions (docs/operations.md)."


def _refuse_if_open(folder: Path) -> None:
    """Raise CannotStart where a process works with a database in the folder."""
    for path in sorted(folder.glob(f"*{_DATABASE}")):
        if is_in_use(path):
            msg = f"{path} is in use: stop every Converto on {folder} first."
            raise CannotStart(msg)


def _extract(archive: Path, folder: Path) -> Mapping[str, Any]:
    """Write what is in an archive into an empty folder; return the manifest. Raises ValueError where anything is not as it was written."""
    found: dict[str, Any] = {}
    manifest: Any = None
    with tarfile.open(archive, mode="r:") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() and manifest is None else None
            if content is None:
                msg = f"it holds {member.name!r}, which no backup does"
                raise ValueError(msg)
            if member.name == MANIFEST:
                manifest = json.loads(content.read(_MAX_MANIFEST_BYTES))
            else:
                name = _safe(member.name)
                found[name] = _put(content, folder / name)
    if manifest is None:
        msg = "it has no manifest at its end: it is cut off, or no backup"
        raise ValueError(msg)
    _refuse_differences(manifest, found)
    return dict(manifest)


def _put(content: IO[bytes], path: Path) -> Mapping[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := content.read(_PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": size, "sha256": digest.hexdigest()}


def _safe(name: str) -> str:
    """Return where in the data folder a file belongs. Raises ValueError where that is anywhere else."""
    inside = name.removeprefix(_DATA)
    parts = inside.split("/")
    if inside == name or not all(parts) or {".", ".."} & {*parts} or "\\" in name:
        msg = f"{name!r} would lie outside the data folder"
        raise ValueError(msg)
    return inside


def _refuse_differences(manifest: Any, found: Mapping[str, Any]) -> None:
    if manifest["format"] != FORMAT:
        msg = f"its format is {manifest['format']!r}, and this Converto reads {FORMAT}"
        raise ValueError(msg)
    promised = manifest["files"]
    different = sorted(name for name in {*promised, *found} if promised.get(name) != found.get(name))
    if different:
        msg = f"{different[0]} is not as it was written, and {len(different) - 1} other files"
        raise ValueError(msg)
