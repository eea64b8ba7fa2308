"""Invoices on A4: one with a text layer and a bank barcode, one scanned, and a hotel bill of two scanned pages."""

from datetime import date, time
from decimal import Decimal
from pathlib import Path

from PIL import Image

from samples import companies
from samples.companies import grouped, reference_number
from samples.letter import Letter
from samples.paper import Paper, Row, centre, columns, gap, left, pair, rule
from samples.photo import grain
from samples.sale import EXEMPT, REDUCED, STANDARD, Item, Sale
from samples.till import euros, percent, quantity, vat_table

BUYER = ("Esimerkkipaja Oy", "Verstaskatu 6", "33100 Tampere")
PIECES = "kpl"

OFFICE = Sale(
    file="09-invoice.pdf",
    media_type="application/pdf",
    kind="invoice",
    languages=("fin",),
    company=companies.OFFICE,
    items=(
        Item("Tulostuspaperi A4 500 arkkia", Decimal("4.35"), STANDARD, Decimal(40), PIECES),
        Item("Mappi A4 7 cm, sininen", Decimal("3.10"), STANDARD, Decimal(24), PIECES),
        Item("Mappi A4 4 cm, musta", Decimal("2.85"), STANDARD, Decimal(24), PIECES),
        Item("Muovitasku A4, 100 kpl", Decimal("7.90"), STANDARD, Decimal(6), "pkt"),
        Item("Kuulakärkikynä sininen, 50 kpl", Decimal("12.40"), STANDARD, Decimal(3), "rs"),
        Item("Korostuskynä, 4 väriä", Decimal("5.25"), STANDARD, Decimal(10), "pkt"),
        Item("Nitoja 30 arkkia", Decimal("18.90"), STANDARD, Decimal(2), PIECES),
        Item("Niitit 24/6, 5000 kpl", Decimal("3.15"), STANDARD, Decimal(5), "rs"),
        Item("Viestilappu 76 x 76 mm", Decimal("1.45"), STANDARD, Decimal(36), PIECES),
        Item("Kirjekuori C5 ikkunallinen, 500 kpl", Decimal("34.60"), STANDARD, Decimal(2), "rs"),
        Item("Pahvilaatikko 400 x 300 x 200", Decimal("1.95"), STANDARD, Decimal(50), PIECES),
        Item("Pakkausteippi 50 mm x 66 m", Decimal("2.20"), STANDARD, Decimal(12), "rll"),
        Item("Värikasetti musta", Decimal("79.00"), STANDARD, Decimal(2), PIECES),
        Item("Värikasetti syaani", Decimal("94.00"), STANDARD),
        Item("Värikasetti magenta", Decimal("94.00"), STANDARD),
        Item("Värikasetti keltainen", Decimal("94.00"), STANDARD),
        Item("Langaton hiiri", Decimal("24.90"), STANDARD, Decimal(3), PIECES),
        Item("Näppäimistö, suomi/ruotsi", Decimal("39.50"), STANDARD, Decimal(3), PIECES),
        Item("USB-C-telakka", Decimal("128.00"), STANDARD, Decimal(2), PIECES),
        Item("Kopiokoneen huolto", Decimal("72.00"), STANDARD, Decimal("2.5"), "h"),
        Item("Matkakulu, huoltokäynti", Decimal("0.59"), STANDARD, Decimal(38), "km"),
        Item("Kahvi suodatinjauhatus 500 g", Decimal("6.95"), REDUCED, Decimal(24), PIECES),
        Item("Tee lajitelma 100 pussia", Decimal("8.40"), REDUCED, Decimal(4), PIECES),
        Item("Keksilajitelma 1 kg", Decimal("9.80"), REDUCED, Decimal(6), PIECES),
        Item("Kirja: Yrittäjän arvonlisävero", Decimal("48.00"), REDUCED, Decimal(2), PIECES),
        Item("Postimaksut, yleispalvelu", Decimal("21.60"), EXEMPT),
    ),
    date=date(2026, 10, 30),
    due_date=date(2026, 11, 13),
    receipt_number="20261187",
    payment_method="invoice",
    reference_number=reference_number(2026118700452),
    pages=2,
    prices_with_vat=False,
    prints_vat_id=True,
)

ELECTRICIAN = Sale(
    file="10-invoice-scanned.pdf",
    media_type="application/pdf",
    kind="invoice",
    languages=("fin",),
    company=companies.ELECTRICIAN,
    items=(
        Item("Sähköasennustyö", Decimal("62.00"), STANDARD, Decimal("7.5"), "h"),
        Item("LED-paneeli 60 x 60", Decimal("54.90"), STANDARD, Decimal(6), PIECES),
        Item("Asennuskaapeli MMJ 3x1,5", Decimal("1.28"), STANDARD, Decimal(45), "m"),
        Item("Käyttöönottotarkastus", Decimal("120.00"), STANDARD),
    ),
    date=date(2026, 9, 15),
    due_date=date(2026, 9, 29),
    receipt_number="5512",
    payment_method="invoice",
    reference_number=reference_number(55120),
    prices_with_vat=False,
    prints_vat_id=True,
)

HOTEL = Sale(
    file="11-hotel.tif",
    media_type="image/tiff",
    kind="receipt",
    languages=("fin", "eng"),
    company=companies.HOTEL,
    items=(
        Item("Huone 214, 2 yötä", Decimal("118.00"), REDUCED, Decimal(2), "vrk"),
        Item("Illallinen 11.5.", Decimal("34.50"), REDUCED),
        Item("Lounas 12.5.", Decimal("15.90"), REDUCED),
        Item("Valkoviini 12 cl", Decimal("9.20"), STANDARD),
        Item("Pysäköinti, 2 vrk", Decimal("14.00"), STANDARD, Decimal(2), "vrk"),
        Item("Pesulapalvelu", Decimal("12.00"), STANDARD),
    ),
    date=date(2026, 5, 13),
    time=time(9, 12),
    receipt_number="H-61044",
    payment_method="card",
    card_last4="2094",
    pages=2,
)


def draw_office(path: Path) -> None:
    """Write the invoice of two pages with a text layer."""
    letter = Letter(path, OFFICE, BUYER)
    letter.write()


def _scanned_rows(sale: Sale) -> list[Row]:
    company = sale.company
    places = (0.62, 0.74, 0.86, 1.0)
    rows = [
        pair(company.name, "LASKU", scale=1.3, bold=True),
        left(company.street),
        left(company.town),
        gap(),
        gap(),
        pair(BUYER[0], f"Laskun numero      {sale.receipt_number}"),
        pair(BUYER[1], f"Laskun päivä   {sale.date:%d.%m.%Y}"),
        pair(BUYER[2], f"Eräpäivä   {sale.due_date:%d.%m.%Y}"),
        pair("", "Maksuehto   14 pv netto"),
        gap(),
        rule("_"),
        columns("Tuote tai työ", "Määrä", "à-hinta", "ALV %", "Veroton", at=places, bold=True),
        gap(),
    ]
    rows += [
        columns(item.description, quantity(item), euros(item.unit_price), percent(item.rate), euros(item.total), at=places)
        for item in sale.items
    ]
    return [
        *rows,
        rule("_"),
        gap(),
        *vat_table(sale, ("ALV-erittely", "Veroton", "ALV", "Verollinen", "Yhteensä"), places=1),
        gap(),
        pair("MAKSETTAVA YHTEENSÄ", f"{euros(sale.total)} EUR", scale=1.25, bold=True),
        *[gap()] * 10,
        rule("_"),
        pair(f"Tilinumero  {grouped(company.iban, 4)}", f"Viitenumero  {grouped(sale.reference_number, 5, from_right=True)}"),
        pair(f"Eräpäivä  {sale.due_date:%d.%m.%Y}", f"Maksettava  {euros(sale.total)} EUR"),
        gap(),
        left(f"{company.name}   Y-tunnus {company.business_id}   ALV-tunnus {company.vat_id}   Puh. {company.phone}", scale=0.8),
    ]


def _on_a4(rows: list[Row], *, dpi: int, size: int) -> Image.Image:
    width, height = round(8.27 * dpi), round(11.69 * dpi)
    page = Image.new("L", (width, height), 252)
    page.paste(Paper(width=width, margin=round(0.09 * width), size=size, family="sans", leading=1.55, shade=252).print_rows(rows), (0, 0))
    return page


def draw_electrician(path: Path) -> None:
    """Write an invoice as an office scanner does: a picture on a page, a little turned, no text."""
    written = ELECTRICIAN.date.timetuple()  # the clock would make each file another
    page = _on_a4(_scanned_rows(ELECTRICIAN), dpi=170, size=23).rotate(-0.7, Image.Resampling.BICUBIC, fillcolor=240)
    grain(page, amount=4, seed=path.name).save(path, "PDF", resolution=170, quality=62, creationDate=written, modDate=written)


def _hotel_pages() -> tuple[list[Row], list[Row]]:
    sale = HOTEL
    head = [
        centre(sale.company.name, scale=1.5, bold=True),
        centre(f"{sale.company.address}, puh. {sale.company.phone}"),
        centre(f"Y-tunnus {sale.company.business_id}"),
        gap(),
        pair("Kuitti / Receipt", f"{sale.receipt_number}"),
    ]
    first = [
        *head,
        pair("Vieras / Guest", "Veera Esimerkki"),
        pair("Tulo / Arrival", "11.5.2026"),
        pair("Lähtö / Departure", "13.5.2026"),
        pair("Päiväys / Date", f"{sale.date:%-d.%-m.%Y} {sale.time:%H:%M}"),
        gap(),
        rule("_"),
    ]
    for item in sale.items:
        counted = "" if item.quantity == 1 else f"{quantity(item)} x {euros(item.unit_price)}"
        first.append(columns(item.description, counted, f"{percent(item.rate)} %", euros(item.total), at=(0.6, 0.78, 1.0)))
    first += [rule("_"), pair("Siirto sivulle 2 / Continued on page 2", "")]
    second = [
        *head,
        pair("Sivu / Page", "2 / 2"),
        gap(),
        pair("YHTEENSÄ / TOTAL EUR", euros(sale.total), scale=1.3, bold=True),
        gap(),
        *vat_table(sale, ("ALV / VAT", "Veroton / Net", "Vero / VAT", "Yhteensä / Gross", "Yhteensä"), places=1),
        gap(),
        pair(f"Visa **** **** **** {sale.card_last4}", euros(sale.total)),
        gap(),
        centre("Kiitos vierailusta! / Thank you for staying with us!"),
    ]
    return first, second


def draw_hotel(path: Path) -> None:
    """Write a bill of two pages as a fax-like TIFF: black and white, 200 dots an inch."""
    pages = [_on_a4(rows, dpi=200, size=27).convert("1", dither=Image.Dither.NONE) for rows in _hotel_pages()]
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="group4", dpi=(200, 200))
