"""Till receipts: what was bought, and the rows that the till printed."""

from datetime import date, time
from decimal import Decimal

from samples import companies
from samples.paper import Row, centre, columns, gap, left, pair, rule
from samples.sale import PERIODICALS, REDUCED, REDUCED_2025, STANDARD, Item, Sale
from samples.till import FIVE, card_slip, euros, item_rows, letterhead, percent, quantity, vat_table

FINNISH = ("ALV", "VEROTON", "VERO", "VEROLLINEN", "YHTEENSÄ")
SWEDISH = ("MOMS", "NETTO", "SKATT", "BRUTTO", "SUMMA")
ENGLISH = ("VAT %", "Net", "VAT", "Gross", "Total")

GROCERY = Sale(
    file="01-grocery.png",
    media_type="image/png",
    kind="receipt",
    languages=("fin",),
    company=companies.GROCERY,
    items=(
        Item("Ruisleipä 500 g", Decimal("2.95"), REDUCED),
        Item("Kevytmaito 1 l", Decimal("1.19"), REDUCED, Decimal(2), "kpl"),
        Item("Banaani", Decimal("1.89"), REDUCED, Decimal("0.842"), "kg"),
        Item("Kahvi 500 g", Decimal("7.95"), REDUCED),
        Item("Alennus kahvi", Decimal("-1.50"), REDUCED),
        Item("Edamjuusto viipale", Decimal("5.49"), REDUCED),
        Item("Kivennäisvesi 1,5 l", Decimal("1.29"), REDUCED),
        Item("Pantti muovipullo", Decimal("0.40"), STANDARD),
        Item("Astianpesuaine", Decimal("3.79"), STANDARD),
        Item("Talouspaperi 4 rl", Decimal("4.29"), STANDARD),
    ),
    date=date(2026, 11, 14),
    time=time(17, 42),
    receipt_number="004318",
    payment_method="card",
    card_last4="4417",
)

RESTAURANT = Sale(
    file="02-restaurant.jpg",
    media_type="image/jpeg",
    kind="receipt",
    languages=("fin",),
    company=companies.RESTAURANT,
    items=(
        Item("Lounasbuffet", Decimal("13.90"), REDUCED, Decimal(2), "kpl"),
        Item("Lohikeitto", Decimal("15.50"), REDUCED),
        Item("Mustikkapiirakka", Decimal("6.80"), REDUCED),
        Item("Kahvi", Decimal("3.20"), REDUCED, Decimal(3), "kpl"),
        Item("Olut 0,4 l", Decimal("8.20"), STANDARD),
        Item("Talon punaviini 16 cl", Decimal("9.60"), STANDARD),
    ),
    date=date(2026, 10, 2),
    time=time(13, 8),
    receipt_number="88214",
    payment_method="card",
    card_last4="0926",
)

FUEL = Sale(
    file="03-fuel.png",
    media_type="image/png",
    kind="receipt",
    languages=("fin",),
    company=companies.FUEL,
    items=(
        Item("95 E10", Decimal("1.729"), STANDARD, Decimal("41.37"), "l"),
        Item("Autopesu harjaton", Decimal("18.90"), STANDARD),
        Item("Tuulilasinpesuneste", Decimal("6.95"), STANDARD),
    ),
    date=date(2026, 9, 28),
    time=time(7, 51),
    receipt_number="210736",
    payment_method="card",
    card_last4="7750",
)

HARDWARE = Sale(
    file="04-hardware-photo.jpg",
    media_type="image/jpeg",
    kind="receipt",
    languages=("fin",),
    company=companies.HARDWARE,
    items=(
        Item("Puuruuvi 5x70 sinkitty", Decimal("11.90"), STANDARD, Decimal(2), "pkt"),
        Item("Terassilauta 28x120", Decimal("3.45"), STANDARD, Decimal("14.4"), "m"),
        Item("Pohjamaali 2,7 l", Decimal("38.50"), STANDARD),
        Item("Sivellin 50 mm", Decimal("7.90"), STANDARD),
        Item("Kanta-asiakasalennus", Decimal("-5.00"), STANDARD),
    ),
    date=date(2026, 6, 5),
    time=time(15, 27),
    receipt_number="17-30582",
    payment_method="card",
    card_last4="3108",
)

ISLAND = Sale(
    file="05-swedish.jpg",
    media_type="image/jpeg",
    kind="receipt",
    languages=("swe",),
    company=companies.ISLAND,
    items=(
        Item("Svartbröd", Decimal("6.40"), REDUCED),
        Item("Kanelbulle", Decimal("2.90"), REDUCED, Decimal(4), "st"),
        Item("Ålandsost 400 g", Decimal("7.25"), REDUCED),
        Item("Räksmörgås", Decimal("12.50"), REDUCED),
        Item("Stearinljus 10-pack", Decimal("5.95"), STANDARD),
        Item("Bärkasse", Decimal("0.45"), STANDARD),
    ),
    date=date(2026, 7, 18),
    time=time(10, 33),
    receipt_number="56102",
    payment_method="card",
    card_last4="6643",
)

CAFE = Sale(
    file="06-english.webp",
    media_type="image/webp",
    kind="receipt",
    languages=("eng",),
    company=companies.CAFE,
    items=(
        Item("Flat white", Decimal("4.80"), REDUCED, Decimal(2), "pcs"),
        Item("Cinnamon bun", Decimal("4.20"), REDUCED, Decimal(2), "pcs"),
        Item("Smoked salmon sandwich", Decimal("11.90"), REDUCED),
        Item("Sparkling water", Decimal("3.60"), REDUCED),
        Item("Ceramic mug", Decimal("16.50"), STANDARD),
    ),
    date=date(2026, 8, 23),
    time=time(11, 5),
    receipt_number="A-20417",
    payment_method="mobile",
)

KIOSK = Sale(
    file="07-kiosk.jpg",
    media_type="image/jpeg",
    kind="receipt",
    languages=("fin",),
    company=companies.KIOSK,
    items=(
        Item("Aikakauslehti", Decimal("10.90"), PERIODICALS),
        Item("Sanomalehti", Decimal("4.30"), PERIODICALS),
        Item("Kahvi take away", Decimal("2.90"), REDUCED, Decimal(2), "kpl"),
        Item("Korvapuusti", Decimal("3.40"), REDUCED),
        Item("Paristo AA 4 kpl", Decimal("6.95"), STANDARD),
    ),
    date=date(2026, 3, 9),
    time=time(8, 14),
    receipt_number="7731",
    payment_method="cash",
)

TAXI = Sale(
    file="08-taxi-2025.jpg",
    media_type="image/jpeg",
    kind="receipt",
    languages=("fin",),
    company=companies.TAXI,
    items=(
        Item("Perusmaksu", Decimal("5.90"), REDUCED_2025),
        Item("Ajomatka", Decimal("1.55"), REDUCED_2025, Decimal("18.6"), "km"),
        Item("Odotus", Decimal("0.95"), REDUCED_2025, Decimal(6), "min"),
    ),
    date=date(2025, 12, 18),
    time=time(22, 47),
    receipt_number="3390",
    payment_method="card",
    card_last4="5281",
)


def grocery() -> list[Row]:
    """Return a food shop's receipt: two rates, a deposit, a discount, a weighed fruit and a card slip."""
    sale = GROCERY
    return [
        *letterhead(sale, identity="Y-tunnus"),
        pair(f"Kassa 3  Kuitti {sale.receipt_number}", f"{sale.date:%d.%m.%Y} {sale.time:%H:%M}"),
        rule(),
        *item_rows(sale.items),
        rule(),
        pair("YHTEENSÄ", euros(sale.total), scale=1.3, bold=True),
        gap(),
        *vat_table(sale, FINNISH, codes="12"),
        gap(),
        *card_slip(sale, code="5411", terminal="064471"),
        gap(),
        centre("Kiitos käynnistä!"),
        centre("Avoinna ma-la 8-21, su 10-20"),
    ]


def restaurant() -> list[Row]:
    """Return a restaurant's bill: meals and drinks at two rates."""
    sale = RESTAURANT
    rows = [
        *letterhead(sale, identity="Y-tunnus:"),
        pair("Pöytä 12", "Tarjoilija: Aino"),
        pair(f"Kuittinro {sale.receipt_number}", f"{sale.date:%-d.%-m.%Y} klo {sale.time:%H.%M}"),
        gap(),
    ]
    for item in sale.items:
        name = item.description if item.quantity == 1 else f"{quantity(item)} {item.description} à {euros(item.unit_price)}"
        rows.append(pair(name, euros(item.total)))
    return [
        *rows,
        gap(),
        pair("Yhteensä EUR", euros(sale.total), scale=1.4, bold=True),
        gap(),
        *vat_table(sale, ("ALV-%", "Veroton", "ALV", "Verollinen", "Yht."), places=1),
        gap(),
        pair("Maksettu kortilla", euros(sale.total)),
        left(f"Mastercard **** **** **** {sale.card_last4}"),
        gap(),
        centre("Kiitos ja tervetuloa uudelleen!"),
    ]


def fuel() -> list[Row]:
    """Return a filling station's receipt: litres at a price of three decimals, and one rate."""
    sale, petrol = FUEL, FUEL.items[0]
    return [
        *letterhead(sale, identity="Y-tunnus"),
        centre("KUITTI", scale=1.2, bold=True),
        pair("Kuitti nro", sale.receipt_number),
        pair("Aika", f"{sale.date:%d.%m.%Y} {sale.time:%H:%M}"),
        pair("Mittari", "4"),
        rule("="),
        pair("95 E10 (1)", f"{euros(petrol.total)} EUR"),
        left(f"{quantity(petrol)} x {petrol.unit_price:f} EUR/l".replace(".", ","), indent=0.06),
        *[pair(f"{item.description} (1)", f"{euros(item.total)} EUR") for item in sale.items[1:]],
        rule("="),
        pair("YHTEENSÄ", f"{euros(sale.total)} EUR", scale=1.25, bold=True),
        gap(),
        left("ALV-erittely"),
        pair("(1) ALV 25,5 %", f"{euros(sale.vat_total)} EUR"),
        pair("    Veroton", f"{euros(sale.net_total)} EUR"),
        gap(),
        *card_slip(sale, code="5541", terminal="113902"),
        gap(),
        centre("Turvallista matkaa!"),
    ]


def hardware() -> list[Row]:
    """Return a hardware shop's receipt with the rate in a column of each row."""
    sale = HARDWARE
    rows = [
        left(sale.company.name, scale=1.3, bold=True),
        left(sale.company.address),
        left(f"Puh. {sale.company.phone}"),
        left(f"Y-tunnus {sale.company.business_id}   ALV rek."),
        gap(),
        pair(f"Kuitti {sale.receipt_number}", f"{sale.date:%d.%m.%Y} {sale.time:%H:%M}:40"),
        rule(),
    ]
    for item in sale.items:
        amount = euros(item.total) if item.total > 0 else f"{euros(-item.total)}-"
        rows.append(pair(item.description, f"{amount} A"))
        if item.quantity != 1:
            rows.append(left(f"{quantity(item)} à {euros(item.unit_price)}", indent=0.08))
    return [
        *rows,
        rule(),
        pair("YHTEENSÄ EUR", euros(sale.total), scale=1.3, bold=True),
        pair("Pankkikortti", euros(sale.total)),
        left(f"Kortti ************{sale.card_last4}  Lähimaksu"),
        gap(),
        columns("ALV", "Veroton", "Vero", "Yhteensä", at=(0.46, 0.7, 1.0)),
        columns("A 25,5 %", euros(sale.net_total), euros(sale.vat_total), euros(sale.total), at=(0.46, 0.7, 1.0)),
        gap(),
        left("Palautusoikeus 30 pv kuitilla."),
        left("Säilytä kuitti takuuta varten."),
    ]


def island() -> list[Row]:
    """Return a Swedish-language bakery receipt from Åland."""
    sale = ISLAND
    return [
        *letterhead(sale, identity="FO-nummer"),
        pair(f"Kvitto nr {sale.receipt_number}", f"{sale.date:%-d.%-m.%Y} kl. {sale.time:%H.%M}"),
        pair("Kassa 1", "Ni betjänades av Ebba"),
        rule(),
        *item_rows(sale.items, capitals=False),
        rule(),
        pair("ATT BETALA EUR", euros(sale.total), scale=1.25, bold=True),
        pair("Bankkort", euros(sale.total)),
        left(f"Visa **** **** **** {sale.card_last4}"),
        gap(),
        *vat_table(sale, SWEDISH),
        gap(),
        centre("Tack och välkommen åter!"),
    ]


def cafe() -> list[Row]:
    """Return an English-language café receipt: points for decimals, the month as a word."""
    sale = CAFE
    return [
        *letterhead(sale, identity="Business ID"),
        pair(f"Receipt no. {sale.receipt_number}", f"{sale.date:%d %b %Y} {sale.time:%H:%M}"),
        gap(),
        *item_rows(sale.items, point=".", capitals=False),
        gap(),
        pair("TOTAL EUR", euros(sale.total, point="."), scale=1.4, bold=True),
        pair("Mobile payment", euros(sale.total, point=".")),
        gap(),
        *vat_table(sale, ENGLISH, point=".", places=1),
        gap(),
        centre("Thank you, see you by the harbour!"),
    ]


def kiosk() -> list[Row]:
    """Return a kiosk's receipt: three rates, paid in cash with change."""
    sale = KIOSK
    rows = [
        *letterhead(sale, identity="Y-tunnus"),
        pair(f"{sale.date:%-d.%-m.%Y} {sale.time:%H:%M}", f"Kuitti {sale.receipt_number}"),
        gap(),
    ]
    places = FIVE
    rows.append(columns("Tuote", "kpl", "à", "ALV %", "EUR", at=places))
    for item in sale.items:
        rows.append(left(item.description))
        rows.append(columns("", f"{item.quantity:f}", euros(item.unit_price), percent(item.rate), euros(item.total), at=places))
    return [
        *rows,
        rule("_"),
        pair("Yhteensä", euros(sale.total), scale=1.35, bold=True),
        pair("Käteinen", euros(Decimal(50))),
        pair("Takaisin", euros(50 - sale.total)),
        gap(),
        *vat_table(sale, ("Vero-%", "Veroton", "Vero", "Yhteensä", "Yht."), places=1),
        gap(),
        centre("Mukavaa matkaa!"),
    ]


def taxi() -> list[Row]:
    """Return a taxi receipt of 2025, when passenger transport was taxed at 14 %."""
    sale = TAXI
    return [
        centre(sale.company.name, bold=True, scale=1.2),
        centre(sale.company.street),
        centre(sale.company.town),
        centre(f"Y-tunnus {sale.company.business_id}"),
        gap(),
        pair("TAKSIKUITTI", f"Nro {sale.receipt_number}"),
        pair("Aika", f"{sale.date:%d.%m.%Y} {sale.time:%H:%M}"),
        pair("Auto", "RVN 14"),
        rule("."),
        *item_rows(sale.items, capitals=False),
        rule("."),
        pair("Loppusumma EUR", euros(sale.total), scale=1.25, bold=True),
        left(f"Sis. ALV 14 % {euros(sale.vat_total)}  (veroton {euros(sale.net_total)})"),
        gap(),
        left(f"Maksutapa: Visa ****{sale.card_last4}"),
        gap(),
        left("Kuljettaja  Oskari"),
    ]
