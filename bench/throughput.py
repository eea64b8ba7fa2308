"""Scans a second through HTTP, job and database, against a bare loop of the `tesseract` command on the same pictures.

Both read as many pictures at once as there are cores, with one thread each, in turns: first one, then the other, then the other way round.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
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
AS_NICE = ("setsid", "--wait", "nice", "-n", "10", "sh", "-c", 'echo 5 2>/dev/null >/proc/self/autogroup; exec "$@"', "tesseract")
ENVIRONMENT = {**os.environ, "OMP_THREAD_LIMIT": "1"}


@dataclass(frozen=True)
class Cost:
    """What it took to read the pictures once: time on the clock, and time of processors."""

    clock_s: float
    processor_s: float


def main() -> None:
    """Measure and print."""
    told = _arguments()
    files = sorted(path for folder in told.pictures for path in folder.iterdir() if path.suffix.lower() in PICTURES)[: told.limit]
    bare, ours = list[Cost](), list[Cost]()
    with (
        tempfile.TemporaryDirectory(prefix="converto-bench-") as folder,
        Program(Path(folder)) as program,
        Customer(program.url) as customer,
    ):
        _through_product(files[: 2 * CORES], customer, languages=told.languages)  # its readers have started
        for number in range(told.rounds):
            customer.renew()
            turns = [(bare, partial(_through_command, files, languages=told.languages), _processor_s)]
            turns.append((ours, partial(_through_product, files, customer, languages=told.languages), program.processor_s))
            for costs, way, processor_s in turns if number % 2 else reversed(turns):
                costs.append(_cost(way, processor_s))
    _print(bare, ours, pictures=len(files))


def _print(bare: Sequence[Cost], ours: Sequence[Cost], *, pictures: int) -> None:
    bare_s, our_s = (sum(cost.clock_s for cost in costs) for costs in (bare, ours))
    bare_processor_s, our_processor_s = (sum(cost.processor_s for cost in costs) for costs in (bare, ours))
    ratios = sorted(one.clock_s / other.clock_s for one, other in zip(bare, ours, strict=True))
    count = pictures * len(bare)
    print(f"{pictures} pictures, {len(bare)} rounds, {CORES} at once")
    print(f"tesseract command  {count / bare_s:6.2f} pictures a second   {bare_processor_s / count:6.3f} s of a processor each")
    print(f"the whole product  {count / our_s:6.2f} scans a second      {our_processor_s / count:6.3f} s of a processor each")
    spread = f"rounds {ratios[0]:.3f} to {ratios[-1]:.3f}, middle {statistics.median(ratios):.3f}"
    print(f"throughput ratio   {bare_s / our_s:6.3f}   goal >= {GOAL} ({spread})")
    print(f"by processor time  {bare_processor_s / our_processor_s:6.3f}   which others on the machine hardly change")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, action="append", help="a folder with pictures; may be given more than once")
    parser.add_argument("--limit", type=int, help="take only so many pictures")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--languages", default="fin+eng")
    told = parser.parse_args()
    told.pictures = told.pictures or [SAMPLES]
    return told


def _cost(way: Callable[[], None], processor_s: Callable[[], float]) -> Cost:
    begun, taken_s = time.perf_counter(), processor_s()
    way()
    return Cost(time.perf_counter() - begun, processor_s() - taken_s)


def _processor_s() -> float:
    """Return what the processes have taken that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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


if __name__ == "__main__":
    main()
