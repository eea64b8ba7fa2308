"""What the amounts on each line are, by the words beside them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from converto.ocr.understanding.amounts import FoundAmount, find_amounts
from converto.ocr.understanding.dates import REMEMBERED, find_dates, find_times
from converto.ocr.words import Line


class Label(StrEnum):
    """What the amount on a line is."""

    TOTAL = "total"
    SUBTOTAL = "subtotal"
    TAX = "tax"
    PAID = "paid"
    CHANGE = "change"
    ROUNDING = "rounding"
    ASIDE = "aside"  # points, savings, counts: an amount that is no part of the sum
    OTHER = "other"


@dataclass(frozen=True)
class MoneyLine:
    """A line with its amounts and what they are; `strength` says how plainly a total is labelled."""

    line: Line
    at: int
    amounts: tuple[FoundAmount, ...]
    label: Label
    strength: float = 0.0
    in_vat_table: bool = False

    @property
    def last(self) -> Decimal:
        """Give the rightmost amount, which is the line's own."""
        return self.amounts[-1].value


_TAX_WORD = (
    r"(?:gst|gsi|sst|vat|alv|arvonlisavero|moms|mva|mwst|ust|mehrwertsteuer|umsatzsteuer|steuerbetrag|steuer|taxe?s?|vero|btw|tva|iva"
    r"|versicherungs?teuer)"
)
_VAT_HEADER = re.compile(
    rf"\b{_TAX_WORD}\b.*\b(summary|sumary|summy|analysis|breakdown|veroton|verollinen|netto|brutto|amount|amt|net|excl|spec)"
    r"|\bveroton\b.*\bvero|\b(gst|vat|tax) ?summary|\bnetto\b.*\b(brutto"
    r"|umsatz)|\bmoms ?%|alv ?%|tax code|gstsummary|vatsummary|sumary amount"
    r"|\b(basisbetrag|bemessungsgrundlage|nettobetrag)\b.*\b(ust|mwst|steuersatz|steuerbetrag)\b|\b(taxe?s?|tva|vat) (base|de base)\b"
    r"|\bbase (ht|hors)\b.*\btva\b"
)
# The head of a table of items may name the tax too.
_ITEM_HEADER = re.compile(r"\b(tuote|maara|hinta|kpl|description|qty|quantity|item|price|artikel|antal|pris|menge|preis|tyo)\b")
_STRONG = re.compile(
    r"grand total|total (payable|due|to pay|rounded)|amount (payable|due|to pay|to be paid)|amt (due|payable)|nett? (total|amt|amount)"
    r"|rounded total"
    r"|final ?total|finaltotal|total (amount )?after|ttl a[tf][tf]|total aft"
    r"|maksettava|loppusumma|zu zahlen|zu bezahlen|att betala|gesamtbetrag"
    r"|gesamtsumme|endbetrag|rechnungsbetrag|balance due|jumlah (besar|bayaran"
    r"|perlu)|total facture|total rm incl|bill total|total bill|total rnd"
    r"|bruttosumme|bruttobetrag|zahlbetrag|rechnungsbeitrag|total ttc|montant ttc|(?:total )?net a payer|due payable|total incl\b"
)
_PLAIN = re.compile(
    r"^due\b|\btotal\b|\byhteensa\b|\byht\b|\bsumma\b|\bsumme\b|\btotalt\b|\bjumlah\b"
    r"|\bgesamt\b|\bttl\b|\btota\b|\bosto\b|\btotals\b|\btotal[a-z]{2,8}\b"
)
_WEAK = re.compile(r"\b(amount|amt|betrag|balance|nett?|maara|belopp)\b")
_SUBTOTAL = re.compile(
    r"\btotal ht\b|\bmontant ht\b|\bpositionssumme\b|\bsumme netto\b|\bnettosumme\b|\bnettobetrag\b|\bsumme ohne\b|\bveroton yhteensa\b"
    r"|\bsub ?- ?tot|\bsub ?total|\bsubt|\bvalisumma|\bdelsumma|\bzwischensumme"
    r"|\bzw ?- ?summe|\bgross (amount|amt)|\btotal before|\bb ?/ ?f\b"
)
_EXCLUDED = re.compile(r"\bohne\b|\bhors\b|\bht\b|\bexc|\bexl|\bbefore\b|\bwithout\b|\bw ?/ ?o\b|\bveroton|\bnetto\b|\bexkl|\bnet of")
_INCLUDED = re.compile(r"\binc|\binl\b|\bwith\b|\bafter\b|\bsis\b|\bsisalt|\binkl")
_COUNT = re.compile(r"\b(qty|quantity|quantities|items?|item ?count|pcs|pieces|points?|pisteet|artikel|anzahl|kpl|count|supplies|member)\b")
_ASIDE = re.compile(
    r"\bsaving|\bsaved\b|\bsave\b|\bpoints?\b|\bbonus|\bsaast|\bgespart|\bersparnis"
    r"|\bloyalty|\bkirjattu|\bsaldo\b|\bprev|\bdeposit paid|\bdonation|\bpayback"
    r"|\bgesamtbetrag der (?:zu|ab)schlage|\bau capital|\bstammkapital|\bosakepaaoma|\banzahlung|\bacompte"
    r"|\bvoucher value|\bvalued|\bcredit limit|\boutstanding|\bausstehend"
)
_DISCOUNT = re.compile(r"\bdisc|\balennus|\brabatt|\bale\b|\bnachlass|\bplussa|\bs ?- ?etu|\bkampanja")
_ROUNDING = re.compile(r"\bround|\brnd|\broud|\bpyoristys|\bavrundning|\brundung|\bbundaran|\brounaing|\badj\b|\badjustment\b")
_CHANGE = re.compile(r"\bchange|\btakaisin|\bvaihtoraha|\btillbaka|\bvaxel|\bruckgeld|\bzuruck|\bbaki\b|\bcharge? ?ant|\bvaihto\b|\brendu")
_PAID = re.compile(
    r"\bcash\b|\bvisa\b|\bmaster ?card|\bmastercard|\bcard\b|\bdebit|\bcredit|\bkortti|\bpankkikortti|\bkateinen|\bmobiilimaksu|\bmobilepay"
    r"|\bveloitus|\btender|\bpaid\b|\bpayment|\bgegeben|\bbar\b|\bbargeld|\bgirocard"
    r"|\bec ?- ?(karte|cash)|\bkarte|\bkontant|\bkort\b|\bbankkort|\bamex\b|\bmaestro"
    r"|\btunai|\breceived|\blahjakortti|\bgutschein|\blaskutus|\bkartenzahlung"
    r"|\bswish|\bspeces|\bmaksettu\b|\bcheque|\btng\b|\bepay|\bnets\b"
)
_TENDERED = re.compile(r"\btender|\baccepted|\bgegeben|\bannettu|\bsaatu")
_NEVER_PAID = re.compile(r"\brefund|\bmember|\bkanta|\bno ?\.|\bcash (sale|bill|inv)")
_TAXED = re.compile(rf"\b{_TAX_WORD}\b|\bservice (tax|charge)|\bsvc chg|\bsrv chg")
# "Total includes 6 % GST 0.42" tells the tax, not the total.
_TAX_INSIDE = re.compile(
    rf"\binclud(?:es|ed|ing) (?:of )?\d* ?%? ?{_TAX_WORD}\b(?! ?@)|\b{_TAX_WORD} (?:@ )?\d* ?%? ?included in|\bsisaltaa (?:alv|arvonlis)"
)
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]")
_ZONE_LINES = 9
_HEAD_LINES = 4


def money_lines(lines: Sequence[Line]) -> list[MoneyLine]:
    """Return every line that bears an amount, labelled; an amount alone on a line belongs to the label above it."""
    found: list[MoneyLine] = []
    zone = vat_table_lines(lines)
    for at, line in enumerate(lines):
        if not _DIGIT.search(line.columns):
            continue
        label, strength = label_of(line.folded)
        amounts = amounts_of(line, lenient=label in (Label.TOTAL, Label.SUBTOTAL, Label.PAID, Label.CHANGE))
        if not amounts:
            continue
        if label is Label.OTHER and at and _is_bare(line, amounts) and _heads_an_amount(lines[at - 1]):
            label, strength = label_of(lines[at - 1].folded)
        if label is Label.ROUNDING and abs(amounts[-1].value) >= 1:
            # "Rounding 37.45" is what is left to pay after it.
            label, strength = Label.TOTAL, 3.4
        found.append(MoneyLine(line, at, tuple(amounts), label, strength, in_vat_table=at in zone))
    return found


def amounts_of(line: Line, *, lenient: bool = False) -> list[FoundAmount]:
    """Return the amounts on a line; what is a date or a time of day there is none."""
    text = line.columns
    dates = find_dates(text)
    taken = [(date.start, date.end) for date in dates]
    taken += [(time.start, time.end) for time in find_times(text) if not time.dotted or dates]
    return [
        amount
        for amount in find_amounts(text, lenient=lenient)
        if not any(amount.start < end and start < amount.end for start, end in taken)
    ]


@lru_cache(maxsize=REMEMBERED)
def label_of(folded: str) -> tuple[Label, float]:
    """Return what the amounts on a line are, and for a total how plainly it says so, 0 to 4."""
    plain = _label_without_total(folded)
    if plain is not None:
        return plain, 0.0
    strength = _total_strength(folded)
    if strength:
        return Label.TOTAL, strength
    if _TAXED.search(folded):
        return Label.SUBTOTAL if re.search(r"\bohne\b|\bhors\b", folded) else Label.TAX, 0.0
    return Label.OTHER, 0.0


def _label_without_total(folded: str) -> Label | None:
    says_total = bool(_PLAIN.search(folded) or _STRONG.search(folded))
    for pattern, label, also_beside_total in (
        (_SUBTOTAL, Label.SUBTOTAL, True),
        (_CHANGE, Label.CHANGE, True),
        (_TENDERED, Label.PAID, True),
        (_ASIDE, Label.ASIDE, True),
        (_DISCOUNT, Label.ASIDE, False),
        (_ROUNDING, Label.ROUNDING, False),
        (_PAID, Label.PAID, False),
    ):
        if pattern.search(folded) and (also_beside_total or not says_total):
            return Label.OTHER if label is Label.PAID and _NEVER_PAID.search(folded) else label
    return None


def _total_strength(folded: str) -> float:
    if _TAX_INSIDE.search(folded):
        return 0.0
    strong, plain = bool(_STRONG.search(folded)), bool(_PLAIN.search(folded))
    taxed, included = bool(_TAXED.search(folded)), bool(_INCLUDED.search(folded))
    if not (strong or plain):
        return 1.5 if _WEAK.search(folded) and (included or not taxed) and not _EXCLUDED.search(folded) else 0.0
    for pattern, weaker in ((_EXCLUDED, 0.6), (_COUNT, 0.2), (_DISCOUNT, 0.4), (_ROUNDING, 3.4)):
        if pattern.search(folded):
            return 4.0 if pattern is _ROUNDING and strong else weaker
    if taxed and not included:
        return 0.0
    if re.search(r"\btotal payment|\btotal paid|\bpayment total", folded):
        return 2.2
    return 4.0 if strong else 3.0


def vat_table_lines(lines: Sequence[Line]) -> frozenset[int]:
    """Return where the VAT tables stand: the lines below each header, as far as they bear amounts."""
    inside: set[int] = set()
    for header in vat_headers(lines):
        empty, begun = 0, False
        for at in range(header + 1, min(len(lines), header + 1 + _ZONE_LINES)):
            if _is_what_to_pay(lines[at]):
                break
            empty = 0 if _bears_amount(lines[at]) else empty + 1
            begun = begun or not empty
            # A header may go on for some lines, and so may the reason why the first row bears no tax.
            if empty > (1 if begun else _HEAD_LINES):
                break
            inside.add(at)
    return frozenset(inside)


def vat_headers(lines: Sequence[Line]) -> Iterator[int]:
    """Yield where the headers of VAT tables stand."""
    for at, line in enumerate(lines):
        if _names_vat_columns(line.folded) and not amounts_of(line):
            yield at


@lru_cache(maxsize=REMEMBERED)
def _names_vat_columns(folded: str) -> bool:
    return _VAT_HEADER.search(folded) is not None and not _ITEM_HEADER.search(folded) and "invoice" not in folded


def _is_what_to_pay(line: Line) -> bool:
    """Tell whether a line is the document's total: a table's own sums are several on a line."""
    return bool(_STRONG.search(line.folded)) and len(amounts_of(line)) == 1


def _bears_amount(line: Line) -> bool:
    return bool(amounts_of(line))


def _heads_an_amount(line: Line) -> bool:
    """Tell whether a line is a label whose amount must stand below it; the head of a table of items is none."""
    return not _bears_amount(line) and len(line.words) <= 4 and not _COUNT.search(line.folded) and "tax" not in line.folded


def _is_bare(line: Line, amounts: Sequence[FoundAmount]) -> bool:
    rest = line.columns[: amounts[0].start] + line.columns[amounts[-1].end :]
    return len(_LETTERS.findall(rest)) <= len("RM")
