import io
import json
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from converto.commands.backup import backup, restore
from converto.kernel.config import CannotStart, Settings
from tests.commands.forked import run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "blobs" / "ocr").mkdir(parents=True)
    (data / "blobs" / "ocr" / "original").write_bytes(bytes(range(256)) * 9000)
    (data / "token-secret").write_text("a secret")
    for name in ("auth", "ocr"):
        with closing(_database(data / f"{name}.db")) as database:
            database.execute("CREATE TABLE fact (number INTEGER)")
            database.execute("INSERT INTO fact VALUES (0)")
    return data


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    file = tmp_path / "converto.tar"
    backup(Settings(data_dir=folder), file)
    return file


def _database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    return database


def _contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".db" not in path.name}


def _facts(folder: Path, name: str) -> int:
    with closing(sqlite3.connect(folder / f"{name}.db")) as database:
        return int(database.execute("SELECT max(number) FROM fact").fetchone()[0])


def test_what_is_restored_is_what_was_there(folder: Path, archive: Path, tmp_path: Path) -> None:
    restore(Settings(data_dir=tmp_path / "new"), archive, replaces=False)

    assert _contents(tmp_path / "new") == _contents(folder)
    assert _facts(tmp_path / "new", "auth") == _facts(tmp_path / "new", "ocr") == 0


def test_only_its_owner_may_read_a_backup(archive: Path, tmp_path: Path) -> None:
    restore(Settings(data_dir=tmp_path / "new"), archive, replaces=False)

    assert archive.stat().st_mode & 0o077 == 0
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "token-secret").stat().st_mode & 0o077 == 0


def test_a_standard_tool_opens_it_and_finds_what_the_manifest_says(archive: Path) -> None:
    listed = subprocess.run(["tar", "-tf", archive], capture_output=True, text=True, check=True).stdout.split()
    manifest = json.loads(subprocess.run(["tar", "-xOf", archive, "manifest.json"], capture_output=True, check=True).stdout)

    assert {f"data/{name}" for name in manifest["files"]} | {"manifest.json"} == set(listed)


@pytest.fixture
def two_that_are_written_to(folder: Path) -> Iterator[Path]:
    """Write each number to one database first and to the other then, without a pause."""
    ended, many = threading.Event(), threading.Event()

    def write() -> None:
        with closing(_database(folder / "auth.db")) as one, closing(_database(folder / "ocr.db")) as other:
            number = 0
            while not ended.is_set():
                number += 1
                one.execute("INSERT INTO fact VALUES (?)", (number,))
                other.execute("INSERT INTO fact VALUES (?)", (number,))
                if number == 50:
                    many.set()

    writer = threading.Thread(target=write)
    writer.start()
    many.wait(20)
    yield folder
    ended.set()
    writer.join()


def test_all_databases_are_of_one_moment_while_they_are_written_to(two_that_are_written_to: Path, tmp_path: Path) -> None:
    for number in range(5):
        file, new = tmp_path / f"{number}.tar", tmp_path / f"new-{number}"
        backup(Settings(data_dir=two_that_are_written_to), file)
        restore(Settings(data_dir=new), file, replaces=False)

        # the second is written after the first: at no moment is it ahead, or behind by more than one
        assert _facts(new, "auth") - _facts(new, "ocr") in {0, 1}
        assert _facts(new, "auth") >= 50


def _bit_flipped(content: bytes) -> bytes:
    at = content.index(b"a secret")
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def _with(name: str) -> Callable[[bytes], bytes]:
    def change(_: bytes) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))
        return file.getvalue()

    return change


def _link(_: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("data/secret")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    return file.getvalue()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda _: b"", "cannot be restored"),
        (lambda content: content[: len(content) // 2], "cannot be restored"),
        (lambda content: content[: content.rindex(b"manifest.json")], "no manifest"),
        (_bit_flipped, "token-secret is not as it was written"),
        (lambda content: content.replace(b'"format": 1', b'"format": 2'), "format"),
        (_with("data/../outside"), "outside the data folder"),
        (_with("/data/outside"), "outside the data folder"),
        (_with("data//outside"), "outside the data folder"),
        (_with("elsewhere/outside"), "outside the data folder"),
        (_link, "which no backup does"),
        (lambda _: b"no archive at all" * 100, "cannot be restored"),
    ],
    ids=["empty", "half", "no manifest", "one bit", "of another format", "upwards", "absolute", "twice", "elsewhere", "link", "text"],
)
def test_a_backup_that_is_not_as_it_was_written_changes_nothing(
    damage: Callable[[bytes], bytes], reason: str, archive: Path, folder: Path, tmp_path: Path
) -> None:
    archive.write_bytes(damage(archive.read_bytes()))
    before, around = _contents(folder), sorted(tmp_path.iterdir())

    with pytest.raises(CannotStart, match=reason):
        restore(Settings(data_dir=folder), archive, replaces=True)

    assert _contents(folder) == before
    assert sorted(tmp_path.iterdir()) == around


def test_a_folder_that_is_not_empty_is_left_as_it_is(folder: Path, archive: Path) -> None:
    with pytest.raises(CannotStart, match="--replace"):
        restore(Settings(data_dir=folder), archive, replaces=False)


def test_what_is_replaced_lies_beside(folder: Path, archive: Path) -> None:
    (folder / "token-secret").write_text("another secret")

    restore(Settings(data_dir=folder), archive, replaces=True)

    (aside,) = folder.parent.glob("data.before-*")
    assert (folder / "token-secret").read_text() == "a secret"
    assert (aside / "token-secret").read_text() == "another secret"


def test_a_folder_that_a_process_works_with_is_not_replaced(folder: Path, archive: Path) -> None:
    with closing(_database(folder / "ocr.db")) as database:
        database.execute("SELECT * FROM fact").fetchall()

        with pytest.raises(CannotStart, match="in use"):
            restore(Settings(data_dir=folder), archive, replaces=True)


def test_a_damaged_database_is_told_and_leaves_no_backup(folder: Path, tmp_path: Path) -> None:
    with (folder / "ocr.db").open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))

    with pytest.raises(CannotStart, match=r"ocr\.db"):
        backup(Settings(data_dir=folder), tmp_path / "b.tar")

    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("data/inside.tar", "in the data folder"), ("there.tar", "there already"), ("no/such/b.tar", "could not be written")],
)
def test_a_place_that_is_no_good_is_told(name: str, reason: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there.tar").touch()

    with pytest.raises(CannotStart, match=reason):
        backup(Settings(data_dir=folder), tmp_path / name)


def test_nothing_to_back_up_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="CONVERTO_DATA_DIR"):
        backup(Settings(data_dir=tmp_path / "none"), tmp_path / "b.tar")


def test_people_are_back_after_a_restore_on_another_machine(tmp_path: Path) -> None:
    here, there = ({"CONVERTO_DATA_DIR": str(tmp_path / name)} for name in ("here", "there"))
    file = str(tmp_path / "converto.tar")
    person = [
        "user",
        "create",
        "--email",
        "aino@example.fi",
        "--name",
        "Aino Niemi",
        "--company",
        "Lumo Oy",
        "--password",
        "kolme tuolia 81",
    ]
    for arguments, settings in ((["migrate"], here), (person, here), (["backup", file], here), (["restore", file], there)):
        done = run(arguments, settings)
        assert done.returncode == 0, done.stderr

    again = run(person, there)

    assert again.returncode == 1
    assert "There is an account" in again.stderr


def test_what_lies_elsewhere_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data_dir=folder, database_url="postgresql://u:p@db/converto", blobs_url="s3://bucket")

    backup(settings, tmp_path / "b.tar")

    told = capsys.readouterr()
    assert "2 databases, 2 other files" in told.out
    assert "pg_dump" in told.err
    assert "bucket" in told.err
