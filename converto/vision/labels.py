"""What the labels of a device say, by their barcodes and their text."""

import re
from collections.abc import Iterator, Sequence

from converto.kernel.identifiers.check_digits import stdnum
from converto.vision.interface import Device, LabelValue, SeenCode

CHECKED, PRINTED = 0.98, 0.8
"""How sure a value is: a check digit or a barcode speaks for it, or a word before it says what it is."""
_LABELLED = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "serial_number": r"\b(?:S/?N|SERIAL(?:\s*(?:NO|NUMBER|NR))?|SARJANUMERO|SARJANRO|SERIENUMMER)\b[\s.:#]*([A-Z0-9][A-Z0-9/-]{4,29})",
        "model": r"\b(?:MODEL(?:\s*(?:NO|NAME|NUMBER))?|MALLI|MODELL|M/N|TYPE|TYYPPI)\b[\s.:#]*([A-Z0-9][A-Z0-9 ./+-]{1,39})",
        "manufacturer": r"\b(?:MANUFACTURER|MFR|VALMISTAJA|TILLVERKARE|MADE BY)\b[\s.:#]*([^\W\d_][\w&. -]{1,39})",
        "mac_address": r"\b(?:MAC|WLAN|WI-?FI|LAN|ETHERNET)\b[^\n]{0,12}?\b((?:[0-9A-F]{2}[:-]){5}[0-9A-F]{2}|[0-9A-F]{12})\b",
    }.items()
}
_IMEI = re.compile(r"(?<!\d)\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d(?!\d)")
_SERIAL_CODE = re.compile(r"^(?:S/?N[:\s]?|\(21\))?([A-Z0-9][A-Z0-9/-]{5,29})$")
_TRADE_CODES = {"EAN13", "EAN-13", "UPCA", "UPC-A", "EAN8", "EAN-8"}


def device_of(text: str, codes: Sequence[SeenCode]) -> Device | None:
    """Return what labels say; None where they say nothing. A barcode goes before what is printed."""
    printed = {name: _labelled(name, text) for name in _LABELLED}
    imei = tuple(_imeis(text, codes))
    gtin = next((_barcode(code.text) for code in codes if code.format.replace(" ", "") in _TRADE_CODES), None)
    serial = _serial(printed["serial_number"], codes, imei)
    device = Device(**{**printed, "serial_number": serial}, imei=imei, gtin=gtin)
    return device if device != Device() else None


def _labelled(name: str, text: str) -> LabelValue | None:
    found = _LABELLED[name].search(text)
    value = " ".join(found[1].split()).rstrip(" .-/") if found is not None else ""
    if name == "serial_number" and not any(letter.isdigit() for letter in value):
        return None  # what stands behind the word is another word
    return LabelValue(value=value, confidence=PRINTED, source="text") if value else None


def _serial(printed: LabelValue | None, codes: Sequence[SeenCode], imei: Sequence[LabelValue]) -> LabelValue | None:
    """Return the serial number: a barcode that says the same as the print, or says itself what it is, else the print."""
    for code in codes:
        found = _SERIAL_CODE.match(code.text.strip())
        if found is None or any(found[1] == one.value for one in imei):
            continue
        said_so = code.text.strip().upper().startswith(("S/N", "SN", "(21)"))
        if said_so or (printed is not None and _same(found[1], printed.value)):
            return _barcode(found[1], is_checked=False)
    return printed


def _same(one: str, other: str) -> bool:
    """Tell whether two are the same but for letters that are misread for one another."""
    alike = str.maketrans("OQIL", "0011")
    return one.upper().translate(alike) == other.upper().translate(alike)


def _imeis(text: str, codes: Sequence[SeenCode]) -> Iterator[LabelValue]:
    """Yield the numbers of a telephone: fifteen digits whose check digit holds, from barcodes first."""
    known = set()
    for source, told in (*(("barcode", code.text) for code in codes), ("text", text)):
        for found in _IMEI.findall(told):
            value = re.sub(r"\D", "", found)
            if value not in known and stdnum("luhn").is_valid(value):
                known.add(value)
                yield LabelValue.model_validate({"value": value, "confidence": CHECKED, "source": source, "is_checked": True})


def _barcode(value: str, *, is_checked: bool = True) -> LabelValue:
    return LabelValue(value=value, confidence=CHECKED, source="barcode", is_checked=is_checked)
