"""How soon the program is ready and what memory it holds, against a bare FastAPI application under the same uvicorn, in turns.

The limits: ready within 3 seconds of its start, at most 150 MB resident at rest, all its processes together, also when a company has
registered; and importing the application loads none of the heavy libraries that only some installations use.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.measuring.customer import Customer
from bench.measuring.program import Program

READY_LIMIT_S = 3.0
RESIDENT_LIMIT_MB = 150.0
HEAVY = ("litellm", "stripe", "cv2", "onnxruntime", "numpy", "boto3", "openai", "transformers", "torch")
BARE = """
import fastapi, uvicorn
app = fastapi.FastAPI()
@app.get("/ready")
async def ready() -> dict[str, str]:
    return {"status": "ok"}
uvicorn.run(app, port={port}, loop="uvloop", http="httptools", log_level="warning")
"""
MB = 1_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    bare, ours, registered = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="converto-bench-") as folder:
            bare.append(_started(_bare(Path(folder))))
            ours.append(_started(Program(Path(folder))))
            registered.append(_after_registration(Path(folder)))
    (bare_s, bare_mb), (first_s, our_mb) = _middle(bare), _middle(ours)
    again_s, registered_mb = _middle(registered)
    for moment, found_s in (("empty data folder", first_s), ("once more", again_s)):
        print(f"ready, {moment:18s} {found_s:6.2f} s    bare {bare_s:5.2f} s    ratio {found_s / bare_s:5.2f}   limit {READY_LIMIT_S} s")
    for moment, found_mb in (("at rest", our_mb), ("after sign-ups", registered_mb)):
        ratio = f"ratio {found_mb / bare_mb:5.2f}   limit {RESIDENT_LIMIT_MB} MB"
        print(f"resident {moment:16s} {found_mb:6.1f} MB   bare {bare_mb:5.1f} MB   {ratio}")
    loaded, slowest = _imports()
    print(
        f"heavy libraries that converto.app loads: {', '.join(name for name in HEAVY if name in loaded) or 'none'}, of {', '.join(HEAVY)}"
    )
    print("slowest of its imports:  " + "  ".join(f"{name} {ms:.0f} ms" for name, ms in slowest))


def _bare(folder: Path) -> Program:
    script = folder / "bare.py"
    script.write_text(BARE.replace("{port}", "int(__import__('sys').argv[1])").strip() + "\n", encoding="utf-8")
    return Program(folder, command=(sys.executable, str(script), "{port}"), ready="/ready")


def _started(program: Program) -> tuple[float, float]:
    ready_s = program.start()
    resident_mb = program.resident_bytes() / MB
    program.stop()
    return ready_s, resident_mb


def _after_registration(folder: Path) -> tuple[float, float]:
    program = Program(folder)
    ready_s = program.start()
    for _ in range(3):
        with Customer(program.url):
            pass
    resident_mb = program.resident_bytes() / MB
    program.stop()
    return ready_s, resident_mb


def _middle(found: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(ready_s for ready_s, _ in found), statistics.median(resident_mb for _, resident_mb in found)


def _imports() -> tuple[set[str], list[tuple[str, float]]]:
    """Return what importing the application loads, and which of its packages take longest with all they load first."""
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", "import converto.app"], capture_output=True, text=True, check=True)
    packages: dict[str, float] = {}
    for line in done.stderr.splitlines():
        if line.startswith("import time:") and "cumulative" not in line:
            _, total_us, name = line.removeprefix("import time:").split("|")
            package = name.strip().partition(".")[0]
            packages[package] = max(packages.get(package, 0.0), int(total_us) / 1000)
    return set(packages), sorted(packages.items(), key=lambda entry: -entry[1])[:8]


if __name__ == "__main__":
    main()
