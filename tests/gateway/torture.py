"""Bodies and texts that broken clients and attackers may send, more than 300 of them; `hostile.py` has those with one clear fault."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator

from tests.gateway.hostile import BAD_JSON

_DOCUMENT = '{"name": "Pöytä \\u00e4", "sum": [12.50, -3e2, null], "ok": true, "deep": {"a": {"b": []}}}'
_NUMBERS = (
    "-0", "0e0", "0E+5", "-0.0", "1e-999", "5e-324", "1E400", "-1e999", "1.7976931348623159e308", "00", "-01", "0123", "1.e5", ".1", "-.1",
    "+1", "--1", "-+1", "-", "1_000", "1,000", "1 000", "0b1", "0o7", "0xFF", "0x1p3", "1e+", "1e-", "1e1.5", "1ee5", "1.2.3", "1f", "1L",
    "1n", "1j", "NaN", "nan", "-NaN", "Infinity", "+Infinity", "-inf", "inf", "1#INF", "1/2", "50%", "€5", "\u0661\u0662", "\uff11",
    "\u00bd", "\u2212" + "1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551616", "4294967296", "2147483648", "1" + "0" * 308, "1" + "0" * 4301, "0." + "0" * 5000 + "1", "1e" + "9" * 400,
    "3." + "14" * 3000,
)  # fmt: skip
_ESCAPES = (
    "\\u0000", "a\\u0000b", "\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\ud800\\ud800", "\\udc00\\ud800", "\\ud83d", "\\ud83dx",
    "\\ud83d\\u0041", "\\uD83D\\uDE00\\uDE00", "\\u", "\\u1", "\\u12", "\\u123", "\\uZZZZ", "\\u00g0", "\\u{41}", "\\U00000041", "\\x41",
    "\\0", "\\012", "\\a", "\\v", "\\e", "\\'", "\\`", "\\ ", "\\\n", "\\", "\\\\\\", "\\u 041", "\\u-041", "\\u+041", "\\uFFFE",
    "\\uFFFF", "\\ufdd0", "\\u2028", "\\u2029", "\\u202e", "\\ufeff", "\\u200b", "\\u007f", "\\u0080", "\\u009f", "\\/", "\\b\\f\\n\\r\\t",
)  # fmt: skip
_KEYS = (
    "", " ", "__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__class__", "__init__", "__dict__", "$ref", "$where",
    "$gt", "@type", "@class", "#", "/", "~", "~0~1", "..", "*", "a.b", "a[b]", "a[0]", "\u00e9", "e\u0301", "\u0130", "\u200b", "\ufeff",
    "id", "ID", "tenant_id", "user_id", "role", "scopes", "is_admin", "password", "null", "NaN", "0", "-1", "k" * 1000, "k" * 100_000,
)  # fmt: skip
_STRUCTURES = (
    "{,}", "[,]", "[1,,2]", "[1 2]", '{"a"}', '{"a":}', "{:1}", '{"a" 1}', '{"a"::1}', '{"a":1 "b":2}', '{"a":1;"b":2}', "{1:1}",
    "{null:1}", '{"a":1}}', "[]]", "}", "]", ")", "[}", "{]", '{"a":[}', "// x\n{}", "/* x */{}", "# x\n{}", "{}//", "{}\n{}", "{}[]",
    "[][]", "null null", '"a""b"', "{}garbage", "garbage{}", ")]}',\n{}", "while(1);{}", "for(;;);{}", "callback({})", "var a = {};",
    "export default {}", "a: 1", "- a\n- b", "---\na: &x [*x]", "a=1&b=2", "a,b\n1,2", "<a/>",
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "{'a': 1}", '{"a": True}', '{"a": None}',
    '{"a": undefined}', '{"a": function(){}}', '{"a": new Date()}', '{"a": /x/}', "`{}`", "tru", "TRUE", "nul", "NULL", "fals", "nil",
    "\x1e{}\n", "0\n1\n2", '{"a":1,}', "[1,]", "[...]", "{...}", '{"a":"b\nc"}',
)  # fmt: skip
_TOPS = ("null", "true", "false", "0", "-1", "1.5", '""', '"x"', "[]", "[[]]", "[{}]", "{}", '{"":{}}', "[null]", '[""]')
_SPACES = (
    " ",
    "\n",
    "\t\r\n",
    "\u00a0{}",
    "\u2028{}",
    "\u200b{}",
    "\x0b{}",
    "\x0c{}",
    "{}\u00a0",
    "\u3000{}",
    "{\u00a0}",
    "\x00{}",
    "{}\x1a",
)


def _in_places(written: str) -> Iterator[tuple[str, str]]:
    yield "bare", written
    yield "in an object", f'{{"a": {written}}}'


def _texts() -> Iterator[tuple[str, str]]:
    for number in _NUMBERS:
        yield from ((f"number {number[:30]} {where}", text) for where, text in _in_places(number))
    for escape in _ESCAPES:
        yield f"escape {escape!r}", f'{{"email": "{escape}"}}'
    for key in _KEYS:
        yield f"key {key[:30]!r}", json.dumps({key: {"a": [1]}})
        yield f"key {key[:30]!r} twice", f"{{{json.dumps(key)}: 1, {json.dumps(key)}: 2}}"
    for letter in range(0x20):
        yield f"control {letter:#04x} in a text", f'{{"name": "a{chr(letter)}b"}}'
    for kind, written in (("structure", _STRUCTURES), ("top", _TOPS), ("space", _SPACES)):
        yield from ((f"{kind} {text[:40]!r}", text) for text in written)
    for length in range(1, len(_DOCUMENT), 2):
        yield f"cut after {length}", _DOCUMENT[:length]
    for depth in (63, 64, 65, 200, 1_000, 20_000):
        yield f"{depth} arrays", "[" * depth + "]" * depth
        yield f"{depth} objects", '{"a":' * depth + "1" + "}" * depth
        yield f"{depth} unclosed", '[{"a":' * depth
    yield "many keys", json.dumps({f"key{number}": number for number in range(30_000)})
    yield "many items", json.dumps([0] * 200_000)
    yield "many empty objects", "[" + "{}," * 100_000 + "{}]"
    yield "a long text", json.dumps({"name": "x" * 900_000})
    yield "a long text of escapes", '{"name": "' + "\\u00e4" * 100_000 + '"}'
    yield "too long", json.dumps({"name": "x" * 1_100_000})


def _bytes() -> Iterator[tuple[str, bytes]]:
    for encoding in (
        "utf-8-sig",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "utf-7",
        "latin-1",
        "cp1252",
        "cp437",
        "cp037",
    ):
        yield f"encoding {encoding}", '{"name": "Pöytä"}'.encode(encoding)
    for encoding in ("shift_jis", "gb18030", "big5", "euc_kr"):
        yield f"encoding {encoding}", '{"name": "漢字"}'.encode(encoding, "replace")
    broken = {
        "overlong slash": b"\xc0\xaf", "overlong NUL": b"\xc0\x80", "overlong in three": b"\xe0\x80\xaf",
        "overlong in four": b"\xf0\x80\x80\xaf",
        "a surrogate": b"\xed\xa0\x80", "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80", "beyond Unicode": b"\xf4\x90\x80\x80",
        "five bytes": b"\xf8\x88\x80\x80\x80", "six bytes": b"\xfc\x84\x80\x80\x80\x80", "a lone tail": b"\x80", "a lone head": b"\xe2\x82",
        "FE": b"\xfe", "FF": b"\xff", "a head before a quote": b"\xe2", "NUL": b"\x00", "Latin-1": b"\xe4",
    }  # fmt: skip
    for name, part in broken.items():
        yield f"{name} in a text", b'{"name": "' + part + b'"}'
        yield f"{name} in a key", b'{"' + part + b'": 1}'
    good = b'{"name": "x"}'
    yield "gzip", gzip.compress(good)
    yield "zlib", zlib.compress(good)
    yield "a bomb", gzip.compress(b"[" + b"0," * 1_000_000 + b"0]")
    yield "base64", base64.b64encode(good)
    yield "PNG", b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield "ELF", b"\x7fELF" + bytes(60)
    yield "CBOR", b"\xa1\x64name\x61x"
    yield "every byte", bytes(range(256))
    yield "zeros", bytes(1000)


TORTURE: dict[str, bytes] = {
    "nothing": b"",
    **BAD_JSON,
    **{name: text.encode("utf-8", "surrogatepass") for name, text in _texts()},
    **dict(_bytes()),
}
"""Bodies, by what is strange about them. Some are good JSON: no route may answer 5xx to any of them."""

NAUGHTY = (
    "", " ", "\t", "\n", "\r\n", "\u00a0", "\u200b", "\ufeff", "\u202eabc", "\u2066x\u2069", "\x7f", "\x1b[31mred", "\x08\x08\x08",
    "a\u0301" * 50, "Z\u0351\u0342\u0329a\u0336l\u0337g\u0338o", "\U0001f9d1\u200d\U0001f680", "\U0001f1eb\U0001f1ee",
    "\U000e0041\U000e007f", "\U0010ffff", "\ufffe", "\u0130stanbul", "\u00df", "\ufb01", "\u1e9e", "\u212b", "\u01c5", "\u03c2", "\u0149",
    "\uff21\uff22", "\u0660\u0661", "\u4e00", "\u05d0\u05d1", "\u0627\u0644", "\u0e01\u0e33", "null", "None", "nil", "undefined", "NaN",
    "Infinity", "true", "false", "0", "-1", "1e400", "0x10", "1/0", "\\", "\\\\", "'", '"', "''", "';--", "' OR '1'='1", '" OR ""="',
    "1; DROP TABLE users", "%' OR 1=1 --", "$$x$$", "U&'\\0061'", "\\'; SELECT pg_sleep(0)", "%", "_", "%s", "%n%n%n", "%d", "{0}", "{}",
    "{__class__}", "${7*7}", "{{7*7}}", "#{7*7}", "<%= 7*7 %>", "$(id)", "`id`", "; id", "| id", "&& id", "\n id", "<script>x</script>",
    "<img src=x onerror=x>", "javascript:x", "<!--", "]]>", "&lt;", "&#0;", "../../etc/passwd", "..\\..\\x", "/etc/passwd", "C:\\CON",
    "AUX", "file:///etc/passwd", "http://[::1]/", "http://0x7f.1/", "http://a@b@c/", "http://\u2460.com", "//x", "gopher://x", "data:,x",
    "a@b", "a@b.c", "@", "a@", '"a b"@x.fi', "a@[127.0.0.1]", "a@x.fi\nbcc: b@x.fi", "ä@ö.fi", "A" * 300 + "@x.fi", "=1+1", "+1", "-1+1",
    "@SUM(A1)", "\t=1", "0" * 300, "9" * 300, "-" * 300, "x" * 256, "x" * 1025, "x" * 10_000, "ä" * 5_000, "\U0001f600" * 3_000,
    "2026-02-30", "0000-00-00", "9999-12-31T23:59:60Z", "24:00", "+02:00", "FI12345678", "fin+eng", "../fin", "fin\x00", "-l eng", "*",
    "*.*", "ocr.completed", "stream:", "stream:*", "stream:ocr\n", "00000000-0000-0000-0000-000000000000", "g" * 36, "{", "}", "[]", "[[[",
    "()", "^(a+)+$", "a" * 50 + "!", "#", "?", "&", "=", ";", ":", "/", "~", "^", "|", "<", ">", "€", "1,50", "1.234,56", "١٢٣", "½", "∞",
    "\u22125", "\uff11\uff12", "\ufb00",
)  # fmt: skip
"""Texts for any field. NUL and half surrogate pairs are refused before a field is looked at; the bodies above hold them."""
