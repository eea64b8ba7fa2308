import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converto.gateway.strict_json import BadJson, check
from tests.gateway.hostile import BAD_JSON

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXT,
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(TEXT, inside, max_size=5),
    max_leaves=30,
)


@given(VALUES, st.booleans())
def test_what_a_usual_writer_writes_is_taken(value: Any, ascii_only: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    check(json.dumps(value, ensure_ascii=ascii_only).encode())


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=list(BAD_JSON))
def test_what_readers_disagree_about_is_refused(body: bytes) -> None:
    with pytest.raises(BadJson):
        check(body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"a": {"b/c": [1, NaN]}}', "/a/b~1c/1"),
        (b'{"a": [{"k": 1, "k": 2}]}', "/a/0/k"),
        (b'{"a~b": "\\ud800"}', "/a~0b"),
        (b'[0, {"n": 9223372036854775808}]', "/1/n"),
        (b'{"a": 1e999}', "/a"),
        (b'{"a": "x\\u0000y"}', "/a"),
        (b"[" * 65 + b"]" * 65, "/0" * 64),
        (b"{", ""),
    ],
)
def test_a_refusal_names_the_place(body: bytes, pointer: str) -> None:
    with pytest.raises(BadJson) as refused:
        check(body)
    assert refused.value.details["errors"][0]["pointer"] == pointer[:200]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 64 + b"]" * 64,
        b'{"a":' * 64 + b'"x"' + b"}" * 64,
        b"[9223372036854775807, -9223372036854775808]",
        b'{"a": {"k": 1}, "b": {"k": 1}}',
        '"\\ud83e\\uddfe and 🧾"'.encode(),
        b'{"reference": "12345678901234567890123"}',
        b"1.7976931348623157e308",
        b" [] \n",
    ],
    ids=[
        "64 levels",
        "a text at the lowest level",
        "the ends of 64 bits",
        "a key in two objects",
        "a pair of surrogates",
        "digits in a string",
        "the largest double",
        "space",
    ],
)
def test_what_only_looks_odd_is_taken(body: bytes) -> None:
    check(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"' + b"k" * 400_000 + b'":[' + b'"",' * 200_000 + b'"\\u0000"]}',
        b"[" + b"[]," * 340_000 + b"[]]",
        b"[" * 1_000_000,
        b"9" * 1_000_000,
        b"[" + b"1e5," * 250_000 + b"1]",
        b"[" + b'{"a":1,"a":1},' * 70_000 + b"1]",
    ],
    ids=["long key", "many arrays", "unclosed", "digits", "exponents", "duplicates"],
)
def test_the_worst_mebibyte_is_checked_in_seconds(body: bytes) -> None:
    start = time.process_time()
    with contextlib.suppress(BadJson):
        check(body)
    assert time.process_time() - start < 2
