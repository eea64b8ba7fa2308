"""The REST API as a customer's program uses it: register, upload, wait, fetch the pages."""

import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

PENDING = ("queued", "started")
WAIT_S = 30
LOOK_AGAIN_S = 0.5
GIVE_UP_S = 180
ANSWER_S = WAIT_S + 15.0


class Refused(Exception):
    """The server refused a call; the message says why."""


class Client:
    """One company's calls to one server. Safe to share among threads."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.Client(base_url=url, timeout=ANSWER_S)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def register(self, *, email: str, password: str, full_name: str, company_name: str) -> None:
        """Register a company and act as its owner from then on. Raises Refused."""
        body = {"email": email, "password": password, "full_name": full_name, "company_name": company_name}
        answer = _accepted(self._http.post("/auth/register", json=body)).json()
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def read(self, path: Path, *, media_type: str, languages: Sequence[str] = ()) -> Mapping[str, Any]:
        """Upload a document, written in these languages, and return its finished scan, which may have failed. Raises Refused."""
        with path.open("rb") as document:
            files = {"file": (path.name, document, media_type)}
            form = {"languages": "+".join(languages)}
            scan = _accepted(self._http.post("/ocr/scans", files=files, data=form, headers={"Prefer": f"wait={WAIT_S}"})).json()
        deadline = time.monotonic() + GIVE_UP_S
        while scan["status"] in PENDING:
            if time.monotonic() > deadline:
                message = f"{path.name} was not read within {GIVE_UP_S} seconds"
                raise Refused(message)
            time.sleep(LOOK_AGAIN_S)
            scan = _accepted(self._http.get(f"/ocr/scans/{scan['id']}")).json()
        finished: Mapping[str, Any] = scan
        return finished

    def page(self, scan_id: str, number: int) -> Image.Image:
        """Return a page of a scan as the reader saw it. Raises Refused."""
        return Image.open(io.BytesIO(_accepted(self._http.get(f"/ocr/scans/{scan_id}/pages/{number}.png")).content))


def _accepted(answer: httpx2.Response) -> httpx2.Response:
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
        message = f"{answer.status_code} {problem.get('code')}: {problem.get('detail')}"
    except ValueError:
        message = f"{answer.status_code}: {answer.text[:200]}"
    raise Refused(message)
