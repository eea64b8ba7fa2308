import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from converto.commands.deliveries import moment
from converto.kernel.config import Settings
from tests.commands.forked import run
from tests.commands.waiting import until_ready
from tests.databases import lay_files

RECEIPT = Path("samples/documents/01-grocery.png").resolve()


def converto(*arguments: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return run(arguments, {"CONVERTO_DATA_DIR": str(data_dir), "CONVERTO_LOG_FORMAT": "json", **settings})


def test_scan_prints_one_object_a_line(data_dir: Path) -> None:
    done = converto("scan", "--json", str(RECEIPT), data_dir=data_dir)

    assert done.returncode == 0, done.stderr
    (scan,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert scan["fields"]["vendor"]["value"] == "Tuulikin Lähikauppa Oy"
    assert scan["fields"]["total"]["value"] == {"amount": "28.63", "currency": "EUR"}


def test_scan_shows_a_table(data_dir: Path) -> None:
    done = converto("scan", str(RECEIPT), data_dir=data_dir, COLUMNS="100")

    assert done.returncode == 0, done.stderr
    assert "Tuulikin Lähikauppa Oy" in done.stdout
    assert "28.63 EUR" in done.stdout


def test_scan_of_a_file_that_is_no_document_says_why_and_ends_with_1(data_dir: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Aino")

    done = converto("scan", str(letter), data_dir=data_dir)

    assert done.returncode == 1
    assert "JPEG" in done.stdout + done.stderr


def test_scan_of_a_file_that_is_not_there_is_wrong_usage(data_dir: Path) -> None:
    done = converto("scan", "nowhere.png", data_dir=data_dir)

    assert done.returncode == 2
    assert "nowhere.png" in done.stderr


def test_an_account_is_opened_once_though_registration_is_closed(data_dir: Path) -> None:
    arguments = ("user", "create", "--email", "aino@example.fi", "--name", "Aino Niemi", "--company", "Lumo Oy")
    settings = {"CONVERTO_AUTH_REGISTRATION_OPEN": "false", "CONVERTO_NEW_PASSWORD": "kolme vihreää tuolia 81"}

    first = converto(*arguments, data_dir=data_dir, **settings)
    second = converto(*arguments, data_dir=data_dir, **settings)

    assert first.returncode == 0, first.stderr
    assert "aino@example.fi" in first.stdout
    assert second.returncode == 1
    assert "There is an account with this e-mail" in second.stderr


def test_openapi_is_a_document_of_every_module(data_dir: Path) -> None:
    done = converto("openapi", data_dir=data_dir)

    paths = json.loads(done.stdout)["paths"]
    assert {"/auth/login", "/ocr/scans", "/health"} <= set(paths)


def test_nothing_has_to_be_sent_again_at_first(data_dir: Path) -> None:
    lay_files(Settings(data_dir=data_dir))
    again = converto("events", "relay", "--from", "2h", data_dir=data_dir)
    assert (again.returncode, again.stdout.partition(" events")[0]) == (0, "0")


@pytest.mark.parametrize("given", ["yesterday", "2026-11-23T08:00:00", "2w", ""])
def test_a_moment_that_is_none_is_refused_with_what_to_write(given: str, data_dir: Path) -> None:
    refused = converto("events", "relay", "--from", given, data_dir=data_dir)
    assert (refused.returncode, "90m, 12h or 3d" in " ".join(refused.stderr.replace("│", " ").split())) == (2, True)


@pytest.mark.parametrize("given", ["2026-11-23T08:00:00Z", "2026-11-23T10:00:00+02:00"])
def test_a_moment_is_read_in_any_zone(given: str) -> None:
    assert moment(given) == datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_no_event_is_dead_at_first_and_none_can_be_retried(data_dir: Path) -> None:
    lay_files(Settings(data_dir=data_dir))

    listed = converto("events", "dead", data_dir=data_dir)
    retried = converto("events", "retry", "0192a205-0000-7000-8000-000000000000", data_dir=data_dir)

    assert ("No event is dead." in listed.stdout, retried.returncode) == (True, 1)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"CONVERTO_MODULES": "ocr,paint"}, "There is no module paint"),
        ({"ENVIRONMENT": "production"}, "set JWT_SECRET_KEY"),
        ({"CONVERTO_DATABASE_POOL": "many"}, "database_pool"),
    ],
)
def test_serve_refuses_what_cannot_work_in_one_sentence(data_dir: Path, settings: dict[str, str], sentence: str) -> None:
    done = converto("serve", "--port", "0", data_dir=data_dir, **settings)

    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_refuses_a_database_that_is_behind(data_dir: Path) -> None:
    done = converto("serve", "--port", "0", "--no-migrate", data_dir=data_dir)

    assert done.returncode != 0
    assert "run `converto migrate` first" in done.stderr


def test_serve_refuses_a_port_that_is_taken(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = converto("serve", "--port", str(taken.getsockname()[1]), data_dir=data_dir)

    assert done.returncode != 0
    assert "Cannot listen on" in done.stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.trials)])
def test_serve_answers_until_it_is_told_to_stop_and_ends_well(data_dir: Path, stop: signal.Signals) -> None:
    environment = {**os.environ, "CONVERTO_DATA_DIR": str(data_dir), "CONVERTO_LOG_FORMAT": "json"}
    command = [sys.executable, "-m", "converto", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        url = until_ready(server)
        answer = httpx2.get(f"{url}/health", timeout=10)

        server.send_signal(stop)
        ended_with = server.wait(timeout=15)

    assert answer.json()["status"] == "ok"
    assert ended_with == 0


def test_who_is_told_to_stop_serves_on_for_the_delay_and_says_that_it_is_not_ready_and_told_twice_ends_at_once(data_dir: Path) -> None:
    environment = {**os.environ, "CONVERTO_DATA_DIR": str(data_dir), "CONVERTO_LOG_FORMAT": "json", "CONVERTO_STOP_DELAY_S": "300"}
    command = [sys.executable, "-m", "converto", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        with httpx2.Client(base_url=until_ready(server), timeout=10) as http:
            before = http.get("/health/ready")
            server.send_signal(signal.SIGTERM)
            while (ready := http.get("/health/ready")).is_success:
                assert server.poll() is None
            asked = http.get("/ocr/scans")
        server.send_signal(signal.SIGINT)
        ended_with = server.wait(timeout=15)

    assert "connection" not in before.headers
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["it is about to end"])
    assert (asked.status_code, asked.headers["connection"]) == (401, "close")
    assert ended_with == 0


def test_scan_with_an_engine_that_there_is_not_is_wrong_usage(data_dir: Path) -> None:
    done = converto("scan", "--engine", "crystal-ball", str(RECEIPT), data_dir=data_dir)

    assert done.returncode == 2
    assert "rapidocr" in done.stderr
