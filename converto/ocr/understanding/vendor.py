"""Who sold it, and where: the name and the address at the head of a document."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from converto.ocr.understanding.identifiers import find_business_ids
from converto.ocr.understanding.money_lines import amounts_of
from converto.ocr.vocabulary import fold
from converto.ocr.words import Line, Word

# Forms of companies: what ends a name.
_FORM = re.compile(
    r"\b(oyj?|o y|ab|abp|ky|tmi|osk|ry|gmbh|mbh|kg(?=\W*$)|ohg|e ?\. ?k|ag|ug|ltd|limited|llc|inc|plc|pte|as|a ?/ ?s|aps|kft|sarl|bv"
    r"|s ?/ ?b|s[do][nhwi]\.? ?\.? b[hi][do]?|sdn|s[do]n|bhd|enterprise|enterprises|company|corporation|corp|holdings?|co)\b"
)
# A form of its own may still follow these.
_WORDY_FORM = re.compile(r"enterprises?|company|corporation|holdings?|co")
_BUSINESS = re.compile(
    r"\b(restoran|restaurant|ravintola|kahvila|cafe|kedai|pasar|syarikat|perniagaan"
    r"|trading|hardware|stationery|stationers?|pharmacy|apteekki|bakery|bakeries"
    r"|mart|supermarket|market|marketing|hypermarket|store|stores|shop|kauppa"
    r"|prisma|sale|alepa|abc|lidl|bistro|kitchen|services?|station|hotel|hotelli"
    r"|bookstore|books?|gallery|centre|center|confectionery|clinic|electrical|motor"
    r"|auto|farm|petrol|foods?|industries|international|group|resources|ventures?)\b"
)
_NOT_A_NAME = re.compile(
    r"\b(invoice|receipt|kuitti|lasku|kvitto|rechnung|bon|beleg|quittung|faktura|tel|fax"
    r"|phone|puh|puhelin|email|www|http|welcome|tervetuloa|date|pvm|datum|time|cashier"
    r"|kassa|tax|gst|sst|vat|alv|reg|roc|no|table|bill|cash sale|thank|thanks"
    r"|kiitos|page|sivu|customer|copy|order|member|qty|price|total|amount|slip|guest"
    r"|check|open|served?|server|terminal|pos|station no|store no|operator|id|brn|co ?\. ?no"
    r"|company no|co ?reg|licensee|owned|operated|by|home of|formerly|since|member of"
    r"|offnungszeiten|aukioloajat|oppettider|uhr|maksutapahtuma|tosite|asiakkaan"
    r"|kundenbeleg|seite|eur|vastaanottaja|toimitusosoite)\b|@|\. ?com|\. ?fi\b|\. ?my\b"
)
_ADDRESS = re.compile(
    r"^jin\b|\b(jalan|jln|jl|lot|lorong|taman|tmn|kampung|kg|seksyen|section|bandar|plaza"
    r"|level|floor|flr|ground|block|blok|blk|unit|wisma|menara|bangunan|building|mall|kawasan"
    r"|persiaran|batu|mukim|lebuh|pusat|selangor|kuala|lumpur|johor|melaka|penang|perak|sarawak"
    r"|sabah|pahang|kelantan|malaysia|petaling|shah alam|klang|street|road|avenue|ave|lane"
    r"|boulevard|drive|highway|square|katu|kuja|polku|tori|puistotie|bulevardi|gatan|vagen|str"
    r"|strasse|strabe|strafe|platz|weg|allee|damm|p ?\. ?o ?\. ?box|pl \d+|po box|autoroute|rue)\b"
    r"|(katu|tie|kuja|polku|kaari|tori|ranta|puisto|vagen|gatan|strasse|strabe|strafe|str"
    r"|weg|platz|allee|damm|ring) ?\.? \d+|\b\d{5,6} ?[a-z]{4,}|\b\d{5,6} [a-z]{3}|^no ?\.? ?: ?\d|^no ?\.? ?\d"
)
_STREET_END = re.compile(r"(katu|tie|kuja|polku|kaari|tori|ranta|vagen|gatan|strasse|strabe|strafe|str|weg|platz|allee|damm) ?\.?$")
_POSTCODE = re.compile(r"(?<!\w)\d{5}(?!\w)")
_POSTCODE_AND_TOWN = re.compile(r"(?<!\d)\d{5} [a-z]{3}")
_STREET = re.compile(r"[^\W\d_]{3,}.*\d")
_CONTACT = re.compile(r",? *\b(?:puh|tel|fax|phone|gsm|tlf)\b.*$", re.IGNORECASE)
_NOT_AN_ADDRESS = re.compile(
    r"\b(gst|sst|vat|alv|tax|invoice|receipt|kuitti|kvitto|lasku|date|reg|roc|email|www|tunnus|cashier|kassa|id|fo)\b|\d\d[:.]\d\d"
)
_REGISTRATION = re.compile(
    r"\s*[(\[{<]?\s*(?:(?:co(?:mpany)?|reg(?:istration)?|roc|brn)\W*(?:no|reg"
    r"|number)?\W*)?[(\[{<]?\s*[A-Z0-9]{0,2}\d{4,9} ?[-\u2013~.:\u00b7]? ?[A-Z0-9]\s*[)\]}>]?\W*$",
    re.IGNORECASE,
)
_EDGES = re.compile(r"^[^\w(&]+|[^\w).!&*]+$")
_FINNISH_ID = re.compile(r"\s*\b(?:ALV REK\W*)?(?:Y\W{0,3}(?:tun\w*)?\W{0,3})?\d{6,7} ?- ?\d.*$", re.IGNORECASE)
# SDN BHD as recognisers read it: SON BHD, SDN BID, Sdn. kbd.
_MALAY_FORM = re.compile(r"\b[S5][DOE0][NHWI][.,]? ?(?!ltd|inc|oy|ab|co\b)(?:[BbEeHhkK8]\w{1,3}|D[Hh][DdOo0]|a[ou])\.?$", re.IGNORECASE)
_HEADING = re.compile(r"(?<=\w)\s+(?:lasku|invoice|faktura|rechnung|kuitti|kvitto|receipt)\b.*$", re.IGNORECASE)
_AFTER_FORM = re.compile(
    r"(?<=\b(?:bhd|S/B|oyj|Ltd|mbH))[.,]?\s+\W*(?=[^\s]*\d|co\b|no\b|ca\b|reg).*$|(?<=\bbhd)\W+\w{1,2}\W*$", re.IGNORECASE
)
_STROKE = re.compile(r"(?<=[A-Z])[!|](?=[A-Z])")
# WorId: a capital I among small letters is an l.
_CAPITAL_I = re.compile(r"(?<=[a-z])I(?=[a-z])")
# S/B, the short form of a Malaysian company, as recognisers read it.
_SHORT_FORM = re.compile(r"(?<=\w )[S5$]\s?[/I|]\s?[BD8]$")
_REGISTERED = re.compile(r"[(\[{<] ?(?:[^\W\d_]{2,}\W+)*[A-Z0-9]{0,2}\d{4,9} ?[-\u2013~.:\u00b7]? ?[A-Z0-9]? ?[)\]}>]?\W*$", re.IGNORECASE)
# What a business calls itself; words long enough that one with a single wrong letter is a misreading of it.
_TRADES = frozenset(
    (
        "restaurant", "restoran", "ravintola", "kahvila", "perniagaan", "syarikat", "trading", "hardware", "stationery", "stationers",
        "pharmacy", "apteekki", "bakery", "bakeries", "supermarket", "hypermarket", "marketing", "services", "station", "bookstore",
        "gallery", "centre", "center", "confectionery", "clinic", "electrical", "petrol", "industries", "international", "resources",
        "ventures", "venture", "enterprise", "enterprises", "company", "corporation", "holdings", "kitchen", "timber", "furniture",
        "electronics",
    )
)  # fmt: skip
_CAFE = re.compile(r"\b([Cc]af)6\b")
_TRADE_WORD = re.compile(r"[^\W\d_]{6,}")
_SURE_LETTERS = 3
_SPECK_LETTERS = 2
_SURE_SPECK = 0.85
_SPECK = 0.4
_HEAD_LINES = 14
_COMPLETE_NAME_WORDS = 2


@dataclass(frozen=True)
class Name:
    """The seller's name, the lines it stands on, and how sure it is."""

    value: str
    lines: tuple[Line, ...]
    confidence: float


def find_names(lines: Sequence[Line]) -> list[Name]:
    """Return what may be the seller's name at the head of a document, the likeliest first; none where nothing there looks like one."""
    head = [_without_edges(line) for line in lines if line.page == lines[0].page][:_HEAD_LINES] if lines else []
    height = sorted(line.height for line in lines)[len(lines) // 2] if lines else 0.0
    scored = [(_name_score(line, at, height, head), at) for at, line in enumerate(head)]
    likely = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: (-pair[0], pair[1]))
    names = [_named(head, at, score) for score, at in likely]
    # where the likeliest line gives no name, no other line is the seller
    return [name for name in names if name is not None] if names and names[0] is not None else []


def _named(head: Sequence[Line], at: int, score: float) -> Name | None:
    names = _continued(head, at)
    value = clean_name(" ".join(clean_name(_without_speck(line).text) for line in names))
    if sum(char.isalpha() for char in value) < _SURE_LETTERS:
        return None
    words = [word.confidence for line in names for word in line.words]
    # One letter wrong makes the name wrong: the least sure word counts beside the average.
    letters = min(words) * sum(words) / len(words)
    return Name(value, names, round(min(0.95, 0.1 + 0.05 * min(7.0, score) + 0.5 * letters), 3))


def _without_edges(line: Line) -> Line:
    """Return a line without the specks at its ends: signs, and a letter or two that the recogniser hardly believes in."""
    words = list(line.words)
    while len(words) > 1 and _is_speck(words[0]):
        del words[0]
    while len(words) > 1 and _is_speck(words[-1]):
        del words[-1]
    return replace(line, words=tuple(words))


def _is_speck(word: Word) -> bool:
    signs = sum(char.isalnum() for char in word.text)
    return word.text != "&" and (not signs or (signs <= _SPECK_LETTERS and word.confidence < _SPECK))


def _without_speck(line: Line) -> Line:
    """Return a line without a letter or two before its capitals that the recogniser is not sure of."""
    first, *rest = line.words
    is_speck = len(first.text) <= _SPECK_LETTERS and first.text.isalpha() and first.confidence < _SURE_SPECK
    return replace(line, words=tuple(rest)) if is_speck and rest and re.match(r"[A-Z]{3}", rest[0].text) else line


def clean_name(text: str) -> str:
    """Return a name without the register number behind it and without specks around it."""
    text = _EDGES.sub("", text)
    text = _HEADING.sub("", _FINNISH_ID.sub("", text))
    for pattern in (_REGISTRATION, _EDGES, _AFTER_FORM, _EDGES):
        text = pattern.sub("", text)
    text = (
        _MALAY_FORM.sub("SDN BHD" if text.isupper() else "Sdn Bhd", text)
        if not re.search(r"\bsdn\.? ?bhd\b", text, re.IGNORECASE)
        else text
    )
    text = _SHORT_FORM.sub("S/B", _CAPITAL_I.sub("l", _STROKE.sub("I", text))).strip(" ,;:-")
    text = _CAFE.sub("\\1é", _TRADE_WORD.sub(_mended_trade, text))
    return text.removeprefix("(") if ")" not in text else text


def _mended_trade(match: re.Match[str]) -> str:
    """Return a word as the name of a trade that it is one letter off, in its own case."""
    word = match[0]
    small = fold(word)
    if small in _TRADES or len(small) != len(word):
        return word
    for trade in _TRADES:
        if len(trade) == len(small) and sum(one != other for one, other in zip(trade, small, strict=True)) == 1:
            return trade.upper() if word.isupper() else trade.title() if word[0].isupper() else trade
    return word


def _name_score(line: Line, at: int, height: float, head: Sequence[Line]) -> float:
    folded, text = line.folded, _REGISTRATION.sub("", line.text)
    letters = sum(char.isalpha() for char in text)
    solid = [word for word in line.words if word.confidence > 0.5 and sum(char.isalpha() for char in word.text) >= _SURE_LETTERS]
    if letters < _SURE_LETTERS or not solid or letters < 0.5 * len(text.replace(" ", "")):
        return -1.0
    score = 2.6 - 0.3 * at + 1.2 * sum(word.confidence for word in line.words) / len(line.words)
    score += 3.2 if _FORM.search(folded) else 0.0
    score += 0.8 if _BUSINESS.search(folded) else 0.0
    score += 0.8 if line.height > 1.25 * height else 0.0
    score += 0.5 if line.text.isupper() and letters > 5 else 0.0
    # A company's register number stands behind its name, or alone below it.
    score += 1.2 if _is_registered(line, head[at + 1] if at + 1 < len(head) else None) else 0.0
    # The company behind a shop, with its business id, stands below the shop's own name.
    score -= 4.5 if at and find_business_ids(line.text) else 0.0
    score -= 3.5 if _NOT_A_NAME.search(folded) else 0.0
    score -= 3.0 if _ADDRESS.search(folded) and not _FORM.search(folded) else 0.0
    score -= 2.0 if amounts_of(line) or (len(re.findall(r"\d", text)) > 6 and not _FORM.search(folded)) else 0.0
    # A name that follows the address is the buyer's.
    score -= 3.0 if any(_POSTCODE.search(before.text) for before in head[:at]) else 0.0
    return score


def _is_registered(line: Line, below: Line | None) -> bool:
    if _REGISTERED.search(line.text):
        return bool(re.search(r"[^\W\d_]{3}", _REGISTERED.sub("", line.text)))
    return below is not None and _REGISTERED.match(below.text) is not None


def _continued(head: Sequence[Line], at: int) -> tuple[Line, ...]:
    """Return the lines of a name: one that is only the form of a company belongs to the line above, and so on."""
    if head[at].first_column() is not head[at]:
        return (head[at].first_column(),)
    first = last = at
    words = re.findall(r"[a-z&]{2,}", head[at].folded)
    named = [word for word in words if not _FORM.fullmatch(word) and not _BUSINESS.fullmatch(word)]
    if at and words and (not named or _FORM.fullmatch(words[0])) and _may_join(head[at - 1]):
        first -= 1
    if at + 1 < len(head) and all(_WORDY_FORM.fullmatch(form[0]) for form in _FORM.finditer(head[at].folded)):
        following = re.findall(r"[a-z&]+", head[at + 1].folded)
        form_follows = following and all(_FORM.fullmatch(word) or word in {"sdn", "bhd", "b"} for word in following)
        bracket_open = "(" in head[at].text and ")" not in head[at].text and ")" in head[at + 1].text
        if form_follows or bracket_open:
            last += 1
    return tuple(head[first : last + 1])


def _may_join(line: Line) -> bool:
    plain = re.sub(r"\bmalaysia\b", "", line.folded)
    sure = sum(word.confidence for word in line.words) / len(line.words) > 0.5
    return sure and bool(re.search(r"[^\W\d_]{3}", line.text)) and not _NOT_A_NAME.search(plain) and not _ADDRESS.search(plain)


def find_address(lines: Sequence[Line], name: Name | None) -> Name | None:
    """Return the seller's address: the lines below the name that read like one, up to the postcode and its town."""
    start = next((at + 1 for at, line in enumerate(lines) if name and line.words[0] == name.lines[-1].words[0]), 0)
    near = [line.first_column() for line in lines[start : start + 8]]
    last = next((at for at, line in enumerate(near[:5]) if _POSTCODE_AND_TOWN.search(line.folded) and not amounts_of(line)), None)
    taken: list[Line] = []
    for at, line in enumerate(near):
        text = _CONTACT.sub("", line.text)
        street = (
            _ADDRESS.search(line.folded)
            or (taken and _runs_on(line, taken[-1]))
            or (last is not None and at <= last and _STREET.search(text))
        )
        if street and _plain(line) and len(text) > 3:
            taken.append(line)
        elif taken:
            break
    if not taken:
        return None
    value = re.sub(r"\s+", " ", ", ".join(_EDGES.sub("", _CONTACT.sub("", line.text)).strip(" ,.") for line in taken))
    words = [word.confidence for line in taken for word in line.words]
    return Name(value, tuple(taken), round(0.3 + 0.5 * sum(words) / len(words), 3))


def _plain(line: Line) -> bool:
    return not _NOT_AN_ADDRESS.search(_CONTACT.sub("", line.text).casefold()) and not find_business_ids(line.text)


def _runs_on(line: Line, before: Line) -> bool:
    text = line.text.strip()
    after_comma = before.text.rstrip().endswith(",") and re.search(r"[^\W\d_]{3}", text)
    return bool(after_comma) or (bool(_POSTCODE.search(text)) and not amounts_of(line))
