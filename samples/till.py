"""How tills lay out a receipt: the rows that most of them share."""

from collections.abc import Iterable
from decimal import Decimal

from samples.paper import Row, centre, columns, gap, left, pair
from samples.sale import Item, Sale, VatLine

FOUR = (0.46, 0.7, 1.0)
FIVE = (0.4, 0.6, 0.78, 1.0)


def euros(amount: Decimal, *, point: str = ",", thousands: str = " ") -> str:
    """Return an amount as Finland prints it: 1 234,50; `point` is the decimal mark."""
    return f"{amount:,.2f}".replace(",", "|").replace(".", point).replace("|", thousands)


def percent(rate: Decimal, *, places: int = 1, point: str = ",") -> str:
    """Return a rate with a fixed number of decimals, without the sign."""
    return f"{rate:.{places}f}".replace(".", point)


def quantity(item: Item, *, point: str = ",") -> str:
    """Return how many, or how much, of something: 0,842 kg."""
    number = f"{item.quantity:f}".replace(".", point)
    return f"{number} {item.unit}".strip()


def letterhead(sale: Sale, *, identity: str) -> list[Row]:
    """Return the head of a receipt, centred; `identity` names the business id."""
    company = sale.company
    return [
        centre(company.name, scale=1.35, bold=True),
        centre(company.street),
        centre(company.town),
        centre(company.phone),
        centre(f"{identity} {company.business_id}"),
        gap(),
    ]


def item_rows(items: Iterable[Item], *, point: str = ",", per: str = "/", capitals: bool = True) -> list[Row]:
    """Return the things sold: the sum at the right, and how many at which price in a row below."""
    rows: list[Row] = []
    for item in items:
        amount = euros(item.total, point=point)
        shown = f"{amount[1:]}-" if item.total < 0 and point == "," else amount
        rows.append(pair(item.description.upper() if capitals else item.description, shown))
        if item.quantity != 1:
            price = f"{item.unit_price:f}".replace(".", point)
            rows.append(left(f"{quantity(item, point=point)} x {price} EUR{per}{item.unit}", indent=0.06))
    return rows


def vat_table(sale: Sale, words: tuple[str, str, str, str, str], *, point: str = ",", places: int = 2, codes: str = "") -> list[Row]:
    """Return the VAT table: rate, net, VAT, gross and their sums.

    `words` are the heads of the four columns and the word for the sums; `codes` has one mark a rate, printed before it.
    """
    rows = [columns(*words[:4], at=FOUR)]
    for place, line in enumerate(sale.vat_lines):
        code = f"{codes[place]} " if codes else ""
        rows.append(columns(f"{code}{percent(line.rate, places=places, point=point)}%", *_amounts(line, point), at=FOUR))
    sums = VatLine(Decimal(0), sale.net_total, sale.vat_total, sale.total)
    return [*rows, columns(words[4], *_amounts(sums, point), at=FOUR)]


def _amounts(line: VatLine, point: str) -> tuple[str, str, str]:
    return euros(line.net, point=point), euros(line.vat, point=point), euros(line.gross, point=point)


def card_slip(sale: Sale, *, code: str, terminal: str) -> list[Row]:
    """Return what a Finnish card terminal adds; its reference is the day and the terminal, no bank reference.

    `code` is the merchant category, four digits; `terminal` the terminal's transaction number, six digits.
    """
    digits = sale.company.business_id.replace("-", "")
    return [
        left("KORTTITAPAHTUMA"),
        left("Kortti: VISA DEBIT LÄHIMAKSU"),
        left(f"**** **** **** {sale.card_last4} CL"),
        left("Sovellus: A0000000031010"),
        left(f"Tap.nro/Varmennus: {terminal[:5]}/{terminal}"),
        left(f"Yritys/Ala: 0{digits}001/{code}"),
        left(f"Viite: {sale.date:%y%m%d}{terminal}"),
        pair("Debit/Veloitus", f"{euros(sale.total)} EUR"),
    ]
