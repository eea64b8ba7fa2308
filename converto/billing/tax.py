"""Which VAT stands on an invoice of ours: we sell electronic services from Finland."""

from enum import StrEnum
from typing import Final

from converto.kernel.errors import Invalid

RATE: Final = "25.5"
"""Per cent, in Finland since September 2024."""
EU: Final = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
"""The other member states."""
_OF_VAT_IDS: Final = {"GR": "EL"}


class BadVatId(Invalid):
    """A VAT number whose check digits do not hold, or of another country."""

    code = "billing.bad_vat_id"
    message = "{vat_id} is no VAT number of {country}."


class Treatment(StrEnum):
    """How a customer's invoices are taxed, as Stripe calls it."""

    FINNISH = "none"
    """Finnish VAT: companies here, and whoever gives no VAT number elsewhere in the Union."""
    REVERSE_CHARGE = "reverse"
    """A business elsewhere in the Union, which accounts for the tax itself."""
    OUTSIDE = "exempt"
    """Outside the Union: not taxed in Finland."""


def treatment(country: str, vat_id: str | None) -> Treatment:
    """Return how somebody in a country is taxed. Raises BadVatId."""
    if vat_id and (country == "FI" or country in EU) and not _is_valid(country, vat_id):
        raise BadVatId(vat_id=vat_id, country=country)
    if country == "FI":
        return Treatment.FINNISH
    if country in EU:
        return Treatment.REVERSE_CHARGE if vat_id else Treatment.FINNISH
    return Treatment.OUTSIDE


def _is_valid(country: str, vat_id: str) -> bool:
    from stdnum.eu import vat  # noqa: PLC0415 - the rules of 27 countries, for whoever subscribes

    return vat_id[:2].upper() == _OF_VAT_IDS.get(country, country) and bool(vat.is_valid(vat_id))
