"""An e-invoice from its bytes, whichever of the three syntaxes it is in."""

import re

from converto.kernel.e_invoices.cross_industry import read_cross_industry
from converto.kernel.e_invoices.e_invoice import EInvoice
from converto.kernel.e_invoices.finvoice import read_finvoice
from converto.kernel.e_invoices.ubl import read_ubl
from converto.kernel.e_invoices.xml_tree import parse

_LAST_DOCUMENT = re.compile(rb"<\?xml\b")


def read_e_invoice(content: bytes) -> EInvoice | None:
    """Return what an e-invoice says; None for XML of another kind. Raises UnreadableXml.

    A Finvoice comes from a bank with the envelope of its transmission before it: two documents in one file, of which the last counts.
    """
    starts = [match.start() for match in _LAST_DOCUMENT.finditer(content)]
    document = content[starts[-1] :] if starts else content
    root = parse(document)
    found = read_finvoice(root) or read_ubl(root)
    if found is not None:
        return found
    other = read_cross_industry(document)
    return None if other is None else other[1]
