import asyncio
import csv
import zipfile
from datetime import date
from pathlib import Path

import pytest

from converto.commands.vat import check, export, rates, show_return
from converto.kernel.config import Environment, Settings
from tests.commands.forked import run
from tests.kernel.e_invoices.written import finvoice, ubl
from tests.vat.house import opened, somebody, voucher

AINO = somebody()
SALE = {"treatment": "domestic_sale", "rate": "25.5", "net": "100.00", "vat": "25.50"}
INVOICE = Path("samples/documents/09-invoice.pdf").resolve()


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    """Return the settings of an installation where one company has sold something in January 2026."""
    asyncio.run(_sold(data_dir))
    return Settings(environment=Environment.TEST, data_dir=data_dir)


async def _sold(data_dir: Path) -> None:
    async with opened(data_dir) as house:
        await house.vat.add_voucher(AINO, voucher(SALE))


def test_the_rates_of_a_day_are_printed_with_their_source(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert rates(date(2024, 8, 31)) == 0
    told = capsys.readouterr().out
    assert "24 %" in told
    assert "25.5 %" not in told


@pytest.mark.parametrize(("content", "figures"), [(finvoice(), ("7.93", "16.06")), (ubl(), ("100.00", "25.50"))])
def test_an_e_invoice_is_checked(content: bytes, figures: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "invoice.xml").write_bytes(content)
    assert check(tmp_path / "invoice.xml") == 0
    told = capsys.readouterr().out
    assert all(figure in told for figure in figures)


def test_a_document_is_checked_and_what_is_wrong_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(INVOICE) == 0
    told = capsys.readouterr().out
    assert "470.31" in told
    assert "warning: An invoice of more than 400 euros does not name the buyer." in told


def test_what_forbids_to_book_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "invoice.xml").write_bytes(ubl(total="199.00"))
    assert check(tmp_path / "invoice.xml") == 1
    assert "error: The lines come to 125.50, but the total is 199.00." in capsys.readouterr().out


@pytest.mark.parametrize(("name", "content"), [("a.xml", b"<a/>"), ("a.txt", b"nothing"), ("a.png", b"\x89PNG\r\n\x1a\n")])
def test_what_cannot_be_read_is_refused(name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(content)
    assert check(tmp_path / name) == 1
    assert capsys.readouterr().err.startswith("converto: ")


def test_a_return_is_printed_line_by_line(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_return(settings, "2026-01", company=AINO.tenant_id) == 0
    told = capsys.readouterr().out
    assert "due 2026-03-12" in told
    assert any("301" in line and "25.50" in line for line in told.splitlines())
    assert show_return(settings, "2026-13", company=AINO.tenant_id) == 1


def test_a_return_and_an_audit_pack_are_written(settings: Settings, tmp_path: Path) -> None:
    def written(kind: str) -> Path:
        target = tmp_path / kind
        assert export(settings, "2026-01", company=AINO.tenant_id, kind=kind, business_id="2077474-0", target=target) == 0
        return target

    assert any("301" in row for row in csv.reader(written("csv").read_text(encoding="utf-8-sig").splitlines(), delimiter=";"))
    assert written("pdf").read_bytes().startswith(b"%PDF")
    assert "000:VSRALVKV" in written("vsralvkv").read_text(encoding="iso-8859-1")
    assert "manifest.json" in zipfile.ZipFile(written("audit-pack")).namelist()


def test_a_format_that_there_is_not_is_refused(data_dir: Path) -> None:
    command = ("vat", "export", "2026-01", "--company", str(AINO.tenant_id), "--format", "docx", "--out", "x")
    done = run(command, {"CONVERTO_DATA_DIR": str(data_dir)})
    assert done.returncode == 2
    assert "docx is none of" in done.stderr
