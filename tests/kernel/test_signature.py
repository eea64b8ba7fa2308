import time

import pytest
from pydantic import SecretStr

from converto.kernel.signature import WINDOW_S, BadSignature, _digest, sign, verify

OLD, NEW = SecretStr("old"), SecretStr("new")
PATH, BODY = "/internal/ocr/scan", b"\x81\x01\x02"


def signed_at(moment: float) -> str:
    stamp = str(int(moment))
    return f"t={stamp},v1={_digest(OLD, stamp, PATH, BODY)}"


@pytest.mark.parametrize("known", [[OLD], [OLD, NEW], [NEW, OLD]])
def test_a_signature_of_any_known_secret_is_accepted(known: list[SecretStr]) -> None:
    verify(known, sign([OLD], PATH, BODY), PATH, BODY)


def test_the_first_secret_signs() -> None:
    with pytest.raises(BadSignature):
        verify([OLD], sign([NEW, OLD], PATH, BODY), PATH, BODY)


@pytest.mark.parametrize(
    ("path", "body"), [(PATH, BODY + b"\x00"), (PATH, b""), ("/internal/ocr/scans", BODY), ("/internal/auth/scan", BODY)]
)
def test_another_body_or_path_is_refused(path: str, body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify([OLD], sign([OLD], PATH, BODY), path, body)


@pytest.mark.parametrize("off_s", [-WINDOW_S - 2, WINDOW_S + 2])
def test_a_time_off_by_more_than_the_window_is_refused(off_s: int) -> None:
    with pytest.raises(BadSignature):
        verify([OLD], signed_at(time.time() + off_s), PATH, BODY)


@pytest.mark.parametrize("off_s", [2 - WINDOW_S, WINDOW_S - 2])
def test_a_time_within_the_window_is_accepted(off_s: int) -> None:
    verify([OLD], signed_at(time.time() + off_s), PATH, BODY)


def test_the_time_cannot_be_changed_without_the_secret() -> None:
    stamp, _, digest = signed_at(time.time() - 5).partition(",")
    with pytest.raises(BadSignature):
        verify([OLD], f"t={int(stamp[2:]) + 1},{digest}", PATH, BODY)


@pytest.mark.parametrize("header", ["", "t=,v1=", "t=1", "v1=abc", "t=²,v1=ä", "t=" + "9" * 400 + ",v1=a", "=,=,="])
def test_a_header_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        verify([OLD], header, PATH, BODY)


def test_a_digest_that_is_no_ascii_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify([OLD], f"t={int(time.time())},v1=ä", PATH, BODY)


def test_without_secrets_nothing_is_accepted() -> None:
    with pytest.raises(BadSignature):
        verify([], sign([OLD], PATH, BODY), PATH, BODY)
