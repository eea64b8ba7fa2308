"""What the reader does not find is asked of a model, where the company wants that: from the upload to the scan."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from converto.commands.fake_models import FakeModels
from converto.vision.asking import pages_to_ask
from tests.ai.house import environment, serving
from tests.isolation.town import empty_town
from tests.vision.test_alone import RECEIPT

WAITING = {"prefer": "wait=50"}


def of_two_pages() -> bytes:
    made, page = io.BytesIO(), Image.open(io.BytesIO(RECEIPT)).convert("L")
    page.save(made, "PDF", save_all=True, append_images=[Image.new("L", page.size, 255)], resolution=150)
    return made.getvalue()


@pytest.mark.parametrize(("pages", "asked"), [(1, (1,)), (2, (1, 2)), (3, (1, 3, 2)), (40, (1, 40, 2))])
def test_the_first_page_is_asked_first_and_then_the_last(pages: int, asked: tuple[int, ...]) -> None:
    assert pages_to_ask(pages) == asked


async def test_a_scan_is_filled_by_a_model_page_by_page_after_it_was_read(tmp_path: Path) -> None:
    fake = FakeModels(answer=json.dumps({"reference_number": "1234561", "total": "1.00"}))
    async with serving(fake) as upstream:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment(upstream).items():
                patch.setenv(name, value)
            async with empty_town(tmp_path) as town:
                await town.ask(town.owner, "PUT", "/ocr/options", json={"ai_assist": True})
                sent = await town.ask(town.owner, "POST", "/ocr/scans", files={"file": ("r.pdf", of_two_pages())}, headers=WAITING)
                path = f"/ocr/scans/{sent.json()['id']}"
                async with asyncio.timeout(60):
                    while fake.calls.total() < 2:  # noqa: ASYNC110 - two jobs, and each page is asked by itself
                        await asyncio.sleep(0.05)
                scan = (await town.ask(town.owner, "GET", path)).json()

    fields = scan["fields"]
    assert (fields["reference_number"]["source"], fields["reference_number"]["box"]) == ("ai", None)
    assert (fields["total"]["value"]["amount"], fields["total"]["source"]) == ("28.63", "ocr")
    assert "ai_differs" in {finding["code"] for finding in scan["findings"]}
