import itertools
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bench.measuring.customer import Customer
from bench.measuring.program import Program

pytestmark = [pytest.mark.trials, pytest.mark.timeout(900)]

SCANS = 20
KILLS = 10
# From the moment it is ready to the middle of its second or third reading: some scans are still to be read when it is killed last.
LONGEST_LIFE_S = 4.0


def test_a_server_killed_ten_times_finishes_every_scan_once(
    program: Program, customer: Customer, documents: Sequence[Path], tmp_path: Path
) -> None:
    database = tmp_path / "data" / "ocr.db"
    _count_what_is_told(database)
    pictures = itertools.islice(itertools.cycle(documents), SCANS)
    taken = [customer.upload(path.name, path.read_bytes()).raise_for_status().json()["id"] for path in pictures]
    seed = random.randrange(10**6)  # noqa: S311 - moments, not secrets
    moments = random.Random(seed)  # noqa: S311
    unfinished = []
    for _ in range(KILLS):
        time.sleep(moments.uniform(0, LONGEST_LIFE_S))
        program.kill()
        unfinished.append(SCANS - _kept(database))
        program.start()
    begun = time.monotonic()
    finished = [customer.finished(scan_id) for scan_id in taken]
    took_s = time.monotonic() - begun

    states, told, kept = Counter(scan["status"] for scan in finished), _told(database), _kept(database)
    print(f"\n{KILLS} kills (seed {seed}) with {unfinished} scans unfinished; {took_s:.0f} s after the last, of {SCANS} scans:")
    print(f"{dict(states)}, {kept} rows completed, {len(told)} scans told of as finished, {told.total()} times")
    print(f"failures: {[scan['error'] for scan in finished if scan['error']]}")
    assert states == {"completed": SCANS}
    assert set(told) == {scan_id.replace("-", "") for scan_id in taken}
    assert told.total() == SCANS
    assert kept == SCANS == len(customer.scans())


def _count_what_is_told(database: Path) -> None:
    """Have the database itself note each finished scan that is told of, in the transaction that tells it."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("CREATE TABLE told (scan TEXT NOT NULL)")
        connection.execute(
            "CREATE TRIGGER note_told AFTER INSERT ON outbox WHEN NEW.type IN ('ocr.completed', 'ocr.failed') BEGIN"
            " INSERT INTO told SELECT replace(json_extract(NEW.envelope, '$.data.scan_id'), '-', ''); END"
        )


def _told(database: Path) -> Counter[str]:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return Counter(scan for (scan,) in connection.execute("SELECT scan FROM told"))


def _kept(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return int(connection.execute("SELECT count(*) FROM scan WHERE status = 'completed'").fetchone()[0])
