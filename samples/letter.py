"""An invoice as a program writes it: a PDF with a text layer, a giro form and a bank barcode."""

from pathlib import Path

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from samples.companies import grouped
from samples.sale import Item, Sale
from samples.till import euros, percent, quantity

REGULAR = "Helvetica"
BOLD = "Helvetica-Bold"
ROW_MM = 6.4
FIRST_ROW_MM = 178
LAST_ROW_MM = 40
BARCODE_VERSION = 4


def bank_barcode(sale: Sale) -> str:
    """Return the 54 digits of the Finnish bank barcode, version 4: account, amount, reference and due date.

    Raises:
        ValueError: the sale has no due date.
    """
    if sale.due_date is None:
        message = f"{sale.file} has no due date"
        raise ValueError(message)
    whole, part = divmod(int(sale.total * 100), 100)
    return f"{BARCODE_VERSION}{sale.company.iban[2:]}{whole:06d}{part:02d}000{sale.reference_number:0>20}{sale.due_date:%y%m%d}"


class Letter:
    """One invoice on as many pages as its rows need."""

    def __init__(self, path: Path, sale: Sale, buyer: tuple[str, ...]) -> None:
        # `invariant` leaves the clock out of the file, so that the same invoice is the same bytes
        self.canvas = Canvas(str(path), pagesize=A4, invariant=1)
        self.sale = sale
        self.buyer = buyer

    def write(self) -> None:
        """Write every page and close the file."""
        self.canvas.setTitle(f"Lasku {self.sale.receipt_number}")
        self.canvas.setAuthor(self.sale.company.name)
        self._head(page=1)
        height = self._table_head(FIRST_ROW_MM)
        page = 1
        for item in self.sale.items:
            if height < LAST_ROW_MM:
                self.canvas.showPage()
                page += 1
                self._head(page=page)
                height = self._table_head(FIRST_ROW_MM)
            self._item(item, height)
            height -= ROW_MM
        self._sums(height - 4)
        self._giro()
        self.canvas.showPage()
        self.canvas.save()

    def _text(self, text: str, *, x: float, y: float, size: float = 9.5, bold: bool = False, right: bool = False) -> None:
        self.canvas.setFont(BOLD if bold else REGULAR, size)
        put = self.canvas.drawRightString if right else self.canvas.drawString
        put(x * mm, y * mm, text)

    def _line(self, y: float) -> None:
        self.canvas.setLineWidth(0.5)
        self.canvas.line(20 * mm, y * mm, 190 * mm, y * mm)

    def _head(self, *, page: int) -> None:
        sale, company = self.sale, self.sale.company
        self._text(company.name, x=20, y=275, size=15, bold=True)
        self._text(company.street, x=20, y=269)
        self._text(company.town, x=20, y=264.5)
        self._text("LASKU", x=120, y=275, size=15, bold=True)
        self._text(f"Sivu {page}/{sale.pages}", x=190, y=275, right=True)
        facts = (
            ("Laskun numero", sale.receipt_number),
            ("Laskun päivämäärä", f"{sale.date:%d.%m.%Y}"),
            ("Eräpäivä", f"{sale.due_date:%d.%m.%Y}"),
            ("Viitenumero", grouped(sale.reference_number, 5, from_right=True)),
            ("Maksuehto", "14 päivää netto"),
            ("Viivästyskorko", "10,5 %"),
        )
        for place, (name, value) in enumerate(facts):
            self._text(name, x=120, y=266 - place * 5)
            self._text(value, x=158, y=266 - place * 5)
        for place, part in enumerate(self.buyer):
            self._text(part, x=20, y=245 - place * 5, size=11)
        identity = f"Y-tunnus {company.business_id}    ALV-tunnus {company.vat_id}    Puh. {company.phone}"
        self._text(identity, x=20, y=12, size=8)

    def _table_head(self, y: float) -> float:
        heads = ("Määrä", "à-hinta", "ALV %", "Veroton EUR")
        self._text("Tuote", x=20, y=y, bold=True)
        for place, head in zip((128, 148, 162, 190), heads, strict=True):
            self._text(head, x=place, y=y, bold=True, right=True)
        self._line(y - 2)
        return y - 7

    def _item(self, item: Item, y: float) -> None:
        self._text(item.description, x=20, y=y)
        for place, text in zip(
            (128, 148, 162, 190), (quantity(item), euros(item.unit_price), percent(item.rate), euros(item.total)), strict=True
        ):
            self._text(text, x=place, y=y, right=True)

    def _sums(self, y: float) -> None:
        sale = self.sale
        self._line(y + 5)
        self._text("ALV-erittely", x=20, y=y, bold=True)
        for place, head in zip((90, 120, 150), ("Veroton", "ALV", "Verollinen"), strict=True):
            self._text(head, x=place, y=y, bold=True, right=True)
        for line in sale.vat_lines:
            y -= 5
            self._text(f"ALV {percent(line.rate)} %", x=20, y=y)
            for place, amount in zip((90, 120, 150), (line.net, line.vat, line.gross), strict=True):
                self._text(euros(amount), x=place, y=y, right=True)
        y -= 5
        self._text("Yhteensä", x=20, y=y)
        for place, amount in zip((90, 120, 150), (sale.net_total, sale.vat_total, sale.total), strict=True):
            self._text(euros(amount), x=place, y=y, right=True)
        self._text("Maksettava yhteensä", x=20, y=y - 10, size=12, bold=True)
        self._text(f"{euros(sale.total)} EUR", x=190, y=y - 10, size=12, bold=True, right=True)

    def _giro(self) -> None:
        sale = self.sale
        self._line(62)
        facts = (
            ("Saajan tilinumero", grouped(sale.company.iban, 4)),
            ("Saaja", sale.company.name),
            ("Viitenumero", grouped(sale.reference_number, 5, from_right=True)),
            ("Eräpäivä", f"{sale.due_date:%d.%m.%Y}"),
            ("Maksettava EUR", euros(sale.total)),
        )
        for place, (name, value) in enumerate(facts):
            self._text(name, x=20, y=56 - place * 5)
            self._text(value, x=55, y=56 - place * 5, bold=True)
        Code128(bank_barcode(sale), barHeight=11 * mm, barWidth=0.29 * mm, quiet=0).drawOn(self.canvas, 20 * mm, 18 * mm)
