"""Scans a second through HTTP, job and database, against a bare loop of the `tesseract` command on the same pictures.

Both read as many pictures at once as there are cores, with one thread each, in turns: first one, then the other, then the other way round.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.measuring.customer import Customer
from bench.measuring.program import Program

GOAL = 0.9
SAMPLES = Path(__file__).parents[1] / "samples" / "documents"
# what both can read: the command knows no PDF
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
CORES = os.cpu_count() or 1
# The queue never runs dry while an answer travels.
UPLOADS_AT_ONCE = 3 * CORES
# As the product's readers run: on a busy machine both wait alike.
AS_NICE = ("setsid", "--wait", "nice", "-n", "10", "sh", "-c", 'echo 10 2>/dev/null >/proc/self/autogroup; exec "$@"', "tesseract")
ENVIRONMENT = {**os.environ, "OMP_THREAD_LIMIT": "1"}


def main() -> None:
    """Measure and print."""
    told = _arguments()
    files = sorted(path for folder in told.pictures for path in folder.iterdir() if path.suffix.lower() in PICTURES)[: told.limit]
    with (
        tempfile.TemporaryDirectory(prefix="converto-bench-") as folder,
        Program(Path(folder)) as program,
        Customer(program.url) as customer,
    ):
        _through_product(files[: 2 * CORES], customer, languages=told.languages)  # its readers have started
        rounds = [_round(files, customer, languages=told.languages, first=number % 2) for number in range(told.rounds)]
    bare_s, product_s = (sum(times) for times in zip(*rounds, strict=True))
    ratios = [bare / product for bare, product in rounds]
    count = len(files) * told.rounds
    print(f"{len(files)} pictures, {told.rounds} rounds, {CORES} at once, {told.languages}")
    print(f"tesseract command  {count / bare_s:6.2f} pictures a second")
    print(f"the whole product  {count / product_s:6.2f} scans a second")
    print(f"throughput ratio   {bare_s / product_s:6.3f}   goal >= {GOAL} (rounds {min(ratios):.3f} to {max(ratios):.3f},"
          f" middle {statistics.median(ratios):.3f})")  # fmt: skip
    print(f"readings a picture {_readings(files, languages=told.languages) / len(files):6.2f}   of the product; of the command: 1")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, action="append", help="a folder with pictures; may be given more than once")
    parser.add_argument("--limit", type=int, help="take only so many pictures")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--languages", default="fin+eng")
    told = parser.parse_args()
    told.pictures = told.pictures or [SAMPLES]
    return told


def _round(files: Sequence[Path], customer: Customer, *, languages: str, first: int) -> tuple[float, float]:
    customer.renew()
    ways: list[Callable[[], None]] = [
        lambda: _through_command(files, languages=languages),
        lambda: _through_product(files, customer, languages=languages),
    ]
    times = [0.0, 0.0]
    for way in (first, 1 - first):
        begun = time.perf_counter()
        ways[way]()
        times[way] = time.perf_counter() - begun
    return times[0], times[1]


def _through_command(files: Sequence[Path], *, languages: str) -> None:
    def read(file: Path) -> None:
        command = [*AS_NICE, "tesseract", str(file), "-", "-l", languages, "--psm", "6", "tsv"]
        subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(read, files))


def _through_product(files: Sequence[Path], customer: Customer, *, languages: str) -> None:
    def read(file: Path) -> str:
        return str(customer.read(file.name, file.read_bytes(), languages=languages)["status"])

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        states = list(pool.map(read, files))
    if states.count("completed") != len(files):
        sys.exit(f"The product read {states.count('completed')} of {len(files)} pictures.")


def _readings(files: Sequence[Path], *, languages: str) -> int:
    """Count how often the product runs Tesseract on these pictures: a program of that name stands before the real one."""
    real = shutil.which("tesseract")
    with tempfile.TemporaryDirectory(prefix="converto-bench-") as folder:
        calls, counter = Path(folder) / "calls", Path(folder) / "tesseract"
        counter.write_text(f'#!/bin/sh\ncase "$*" in *tsv*|*osd*|*"psm 0"*) echo "$*" >> {calls} ;; esac\nexec {real} "$@"\n')
        counter.chmod(0o755)
        environment = {**ENVIRONMENT, "PATH": f"{folder}:{os.environ['PATH']}"}
        command = [sys.executable, "-m", "converto", "scan", "--json", "--languages", languages, *map(str, files)]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return len(calls.read_text().splitlines())


if __name__ == "__main__":
    main()
