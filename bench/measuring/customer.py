"""A company that signs up and uploads: the REST API as a customer's program uses it."""

import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any, Self

import httpx2

FINISHED = ("completed", "failed")
GIVE_UP_S = 300.0
# An access token lives for ten minutes.
RENEW_AFTER_S = 300.0

Scan = Mapping[str, Any]


class Customer:
    """One company's calls to one server. Safe to share among threads."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.Client(base_url=url, timeout=90, trust_env=False)
        self._refresh_token = ""
        self._signed_in_at = 0.0
        self._renewing = threading.Lock()

    def __enter__(self) -> Self:
        company = f"Kokeilu {secrets.token_hex(4)} Oy"
        body = {"email": f"{secrets.token_hex(8)}@example.com", "full_name": "Koe Kokeilija", "company_name": company}
        self._keep(self._http.post("/auth/register", json={**body, "password": secrets.token_urlsafe(24)}))
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def upload(self, name: str, content: bytes, *, wait_s: int = 0, languages: str = "", engine: str = "") -> httpx2.Response:
        """Send a document and return the answer, whatever it is."""
        headers = {"prefer": f"wait={wait_s}"} if wait_s else {}
        wishes = {"languages": languages, **({"engine": engine} if engine else {})}
        return self._http.post("/ocr/scans", files={"file": (name, content)}, data=wishes, headers=headers)

    def upload_batch(self, archive: bytes) -> str:
        """Send a ZIP archive of documents and return the number of their batch."""
        answer = self._http.post("/ocr/scans/batch", files={"file": ("many.zip", archive)}).raise_for_status().json()
        return str(answer["batch_id"])

    def batch(self, batch_id: str) -> Mapping[str, Any]:
        """Return how far a batch is."""
        found: Mapping[str, Any] = self._http.get(f"/ocr/batches/{batch_id}").raise_for_status().json()
        return found

    def read(self, name: str, content: bytes, *, languages: str = "") -> Scan:
        """Send a document and return its finished scan."""
        answer = self.upload(name, content, wait_s=30, languages=languages).raise_for_status().json()
        return answer if answer["status"] in FINISHED else self.finished(answer["id"])

    def scan(self, scan_id: str) -> Scan:
        """Return a scan as it stands."""
        scan: Scan = self._http.get(f"/ocr/scans/{scan_id}").raise_for_status().json()
        return scan

    def scans(self) -> list[Scan]:
        """Return up to 200 scans, newest first."""
        return list(self._http.get("/ocr/scans", params={"limit": 200}).raise_for_status().json()["items"])

    def finished(self, scan_id: str) -> Scan:
        """Return a scan once it is finished. Raises TimeoutError after five minutes."""
        until = time.monotonic() + GIVE_UP_S
        while (scan := self.scan(scan_id))["status"] not in FINISHED:
            if time.monotonic() > until:
                raise TimeoutError(scan_id)
            time.sleep(0.05)
        return scan

    def asked(self, path: str) -> httpx2.Response:
        """Look something up and return the answer, whatever it is."""
        return self._http.get(path)

    def ask_model(self, question: str) -> Mapping[str, Any]:
        """Ask a model and return what it says."""
        body = {"messages": [{"role": "user", "content": question}]}
        found: Mapping[str, Any] = self._http.post("/ai/chat", json=body).raise_for_status().json()
        return found

    def renew(self) -> None:
        """Take a new access token before the old one ends; call it where a run may take longer than that."""
        with self._renewing:
            if time.monotonic() - self._signed_in_at > RENEW_AFTER_S:
                self._keep(self._http.post("/auth/refresh", json={"refresh_token": self._refresh_token}))

    def _keep(self, answer: httpx2.Response) -> None:
        told = answer.raise_for_status().json()
        self._refresh_token, self._signed_in_at = told["refresh_token"], time.monotonic()
        self._http.headers["authorization"] = f"Bearer {told['access_token']}"
