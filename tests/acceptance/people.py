"""People who use the product over REST, and what they see of it."""

import asyncio
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

SAMPLES = Path(__file__).parents[2] / "samples" / "documents"
TRUTH: dict[str, Any] = {
    document["file"]: document for document in json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["documents"]
}
PASSWORD = "kolme vihreää tuolia 81"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    http: httpx2.AsyncClient
    email: str
    signed_in: dict[str, Any]

    async def ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **given: Any) -> httpx2.Response:
        """Send a request in this person's name."""
        authorization = f"Bearer {self.signed_in['access_token']}"
        return await self.http.request(method, path, headers={"authorization": authorization, **(headers or {})}, **given)

    async def get(self, path: str, **given: Any) -> httpx2.Response:
        """Look something up."""
        return await self.ask("GET", path, **given)

    async def upload(
        self, content: bytes, filename: str = "receipt.png", *, headers: dict[str, str] | None = None, **form: str
    ) -> httpx2.Response:
        """Send a document, and do not wait for its reading."""
        return await self.ask("POST", "/ocr/scans", files={"file": (filename, content)}, data=form, headers=headers)

    async def read(self, content: bytes, filename: str = "receipt.png", **form: str) -> dict[str, Any]:
        """Send a document and wait for its reading, however long others are read before it."""
        headers = {"prefer": "wait=40", "idempotency-key": str(uuid4())}
        while (answer := await self.upload(content, filename, headers=headers, **form)).status_code == 202:
            pass  # the same key asks for the same scan
        assert answer.status_code == 200, answer.text
        scan: dict[str, Any] = answer.json()
        return scan


def registration() -> dict[str, str]:
    """Return what somebody new gives."""
    email = f"person{os.getpid()}-{next(_numbers)}@example.fi"
    return {"email": email, "password": PASSWORD, "full_name": "Aino Niemi", "company_name": "Lumo Oy"}


async def register(http: httpx2.AsyncClient) -> Person:
    """Open an account for somebody new."""
    given = registration()
    answer = await http.post("/auth/register", json=given)
    for _ in range(10):
        if answer.status_code != 503:
            break
        # a machine that does more than it can refuses for a moment, and says for how long
        await asyncio.sleep(int(answer.headers["retry-after"]))
        answer = await http.post("/auth/register", json=given)
    assert answer.status_code == 201, answer.text
    return Person(http, given["email"], answer.json())


def sample(name: str) -> bytes:
    """Return the bytes of a sample document."""
    return (SAMPLES / name).read_bytes()


def found(scan: dict[str, Any]) -> dict[str, Any]:
    """Return what was read, in the shape of the samples' truth."""
    fields = {name: (field or {}).get("value") for name, field in scan["fields"].items()}
    amounts = {name: (fields[name] or {}).get("amount") for name in ("total", "net_total", "vat_total")}
    names = ("rate", "net", "vat", "gross")
    return {**fields, **amounts, "vat_lines": [{name: line[name] for name in names} for line in scan["vat_lines"]]}


def is_problem(answer: httpx2.Response, status: int, code: str) -> bool:
    """Tell whether an answer is the problem that it should be, in every part."""
    told = answer.json()
    return (
        (answer.status_code, told["code"], told["status"]) == (status, code, status)
        and answer.headers["content-type"] == "application/problem+json"
        and told["request_id"] == answer.headers["x-request-id"]
        and all(told[name] for name in ("type", "title", "detail"))
    )
