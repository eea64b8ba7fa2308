"""The invented companies of the samples, and the check digits of what they print.

No company is real. Their business ids have the right check digit but begin with 9, a range that has not been issued;
the bank accounts are the examples that banks print in their own guides.
"""

from dataclasses import dataclass

BUSINESS_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2)


def business_id(number: int) -> str:
    """Return a Finnish business id of seven digits and its check digit.

    Raises:
        ValueError: the number has no valid check digit.
    """
    digits = f"{number:07d}"
    remainder = sum(weight * int(digit) for weight, digit in zip(BUSINESS_ID_WEIGHTS, digits, strict=True)) % 11
    if remainder == 1:
        message = f"{number} has no check digit"
        raise ValueError(message)
    return f"{digits}-{(11 - remainder) % 11}"


def reference_number(number: int) -> str:
    """Return a Finnish bank reference: the number and its check digit by the weights 7, 3, 1 from the right."""
    total = sum((7, 3, 1)[place % 3] * int(digit) for place, digit in enumerate(reversed(str(number))))
    return f"{number}{-total % 10}"


def grouped(text: str, size: int, *, from_right: bool = False) -> str:
    """Return the text in groups, as bank accounts (from the left) and reference numbers (from the right) are printed."""
    first = len(text) % size if from_right else 0
    parts = [text[:first], *(text[start : start + size] for start in range(first, len(text), size))]
    return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Company:
    """Who sells: the name as printed on its documents, and where it is."""

    name: str
    number: int
    street: str
    town: str
    phone: str
    iban: str = ""

    @property
    def business_id(self) -> str:
        """Return the business id with its check digit."""
        return business_id(self.number)

    @property
    def vat_id(self) -> str:
        """Return the VAT number that follows from the business id."""
        return f"FI{self.business_id.replace('-', '')}"

    @property
    def address(self) -> str:
        """Return the address on one line."""
        return f"{self.street}, {self.town}"


GROCERY = Company("Tuulikin Lähikauppa Oy", 9412670, "Kallionpolku 12", "00530 Helsinki", "09 555 0134")
RESTAURANT = Company("Ravintola Kurkihirsi Oy", 9207318, "Vähätorinkatu 3", "20100 Turku", "02 555 0172")
FUEL = Company("Suopursun Huoltamo Oy", 9630254, "Valtatie 148", "41900 Petäjävesi", "014 555 0160")
HARDWARE = Company("Nikkarilan Rautapuoti Oy", 9155402, "Höyläkuja 7", "33500 Tampere", "03 555 0118")
ISLAND = Company("Sjöbrisens Bageri & Livs Ab", 9318847, "Norra Strandgränd 9", "22100 Mariehamn", "018 555 019")
CAFE = Company("Harbour Lamp Café Oy", 9561073, "Laiturikuja 2", "00160 Helsinki", "09 555 0187")
KIOSK = Company("Pikkukulman Kioski Oy", 9780429, "Asema-aukio 1", "90100 Oulu", "08 555 0125")
TAXI = Company("Kyytiporo Taksit Oy", 9044217, "Revontulikuja 5", "96200 Rovaniemi", "016 555 0143")
OFFICE = Company("Mäntyniemen Toimistopalvelu Oy", 9873301, "Satamakaari 21", "48100 Kotka", "05 555 0156", "FI2112345600000785")
ELECTRICIAN = Company("Salamankipinän Sähköasennus Oy", 9266584, "Muuntajatie 4", "65300 Vaasa", "06 555 0191", "FI3715903000000776")
HOTEL = Company("Hotelli Lummelahti Oy", 9709135, "Rantapolku 1", "70100 Kuopio", "017 555 0109")
