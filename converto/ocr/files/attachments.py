"""The XML files inside a PDF, where e-invoices are."""

import pypdfium2

from converto.kernel.e_invoices.xml_tree import MAX_BYTES

MAX_ATTACHMENTS = 20


def attached_xml(document: pypdfium2.PdfDocument) -> list[bytes]:
    """Return the XML files attached to a PDF; one that is damaged is left out, one that is too large is cut just behind the bound."""
    found = []
    for index in range(min(MAX_ATTACHMENTS, document.count_attachments())):
        try:
            attachment = document.get_attachment(index)
            if attachment.get_name().lower().endswith(".xml"):
                found.append(bytes(attachment.get_data()[: MAX_BYTES + 1]))
        except pypdfium2.PdfiumError:
            continue
    return found
