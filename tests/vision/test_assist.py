"""What the reader does not find is asked of a model, where the company wants that: from the upload to the scan."""

import asyncio
import json
from pathlib import Path

import pytest

from converto.commands.fake_models import FakeModels
from tests.ai.house import environment, serving
from tests.isolation.town import empty_town
from tests.vision.test_alone import RECEIPT


async def test_a_scan_is_filled_by_a_model_after_it_was_read(tmp_path: Path) -> None:
    fake = FakeModels(answer=json.dumps({"reference_number": "1234561", "total": "1.00"}))
    async with serving(fake) as upstream:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment(upstream).items():
                patch.setenv(name, value)
            async with empty_town(tmp_path) as town:
                await town.ask(town.owner, "PUT", "/ocr/options", json={"ai_assist": True})
                sent = await town.ask(town.owner, "POST", "/ocr/scans", files={"file": ("r.png", RECEIPT)}, headers={"prefer": "wait=50"})
                path = f"/ocr/scans/{sent.json()['id']}"
                async with asyncio.timeout(60):
                    while not (scan := (await town.ask(town.owner, "GET", path)).json())["fields"]["reference_number"]:  # noqa: ASYNC110 - two jobs
                        await asyncio.sleep(0.05)

    fields = scan["fields"]
    assert (fields["reference_number"]["source"], fields["reference_number"]["box"]) == ("ai", None)
    assert (fields["total"]["value"]["amount"], fields["total"]["source"]) == ("28.63", "ocr")
    assert "ai_differs" in {finding["code"] for finding in scan["findings"]}
