import time

import pytest
from pydantic import SecretStr

from converto.kernel.signature import WINDOW_S, BadSignature, Digest, _signature, sign, verify

OLD, NEW = SecretStr("old"), SecretStr("new")
PATH, BODY = "/internal/ocr/scan", Digest([b"\x81\x01\x02"])


def signed_at(moment: float) -> str:
    stamp = str(int(moment))
    return f"t={stamp},v1={_signature(OLD, stamp, PATH, length=str(BODY.length), digest=str(BODY))}"


def check(known: list[SecretStr], header: str, path: str = PATH, body: Digest = BODY) -> None:
    verify(known, header, path, length=str(body.length), digest=str(body))


@pytest.mark.parametrize("known", [[OLD], [OLD, NEW], [NEW, OLD]])
def test_a_signature_of_any_known_secret_is_accepted(known: list[SecretStr]) -> None:
    check(known, sign([OLD], PATH, BODY))


def test_the_first_secret_signs() -> None:
    with pytest.raises(BadSignature):
        check([OLD], sign([NEW, OLD], PATH, BODY))


@pytest.mark.parametrize(
    ("path", "body"), [(PATH, Digest([b"\x81\x01\x03"])), (PATH, Digest()), ("/internal/ocr/scans", BODY), ("/internal/auth/scan", BODY)]
)
def test_another_body_or_path_is_refused(path: str, body: Digest) -> None:
    with pytest.raises(BadSignature):
        check([OLD], sign([OLD], PATH, BODY), path, body)


@pytest.mark.parametrize("length", ["", "2", "4", "33333", "-3", "x", "\u00b3"])
def test_another_length_is_refused_before_anything_is_read(length: str) -> None:
    with pytest.raises(BadSignature):
        verify([OLD], sign([OLD], PATH, BODY), PATH, length=length, digest=str(BODY))


def test_a_digest_is_the_same_in_whatever_pieces_it_comes() -> None:
    assert str(Digest([b"\x81", b"", b"\x01\x02"])) == str(BODY)
    assert str(Digest()) == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"  # the one of nothing, as RFC 9530 writes it


@pytest.mark.parametrize("off_s", [-WINDOW_S - 2, WINDOW_S + 2])
def test_a_time_off_by_more_than_the_window_is_refused(off_s: int) -> None:
    with pytest.raises(BadSignature):
        check([OLD], signed_at(time.time() + off_s))


@pytest.mark.parametrize("off_s", [2 - WINDOW_S, WINDOW_S - 2])
def test_a_time_within_the_window_is_accepted(off_s: int) -> None:
    check([OLD], signed_at(time.time() + off_s))


def test_the_time_cannot_be_changed_without_the_secret() -> None:
    stamp, _, digest = signed_at(time.time() - 5).partition(",")
    with pytest.raises(BadSignature):
        check([OLD], f"t={int(stamp[2:]) + 1},{digest}")


@pytest.mark.parametrize("header", ["", "t=,v1=", "t=1", "v1=abc", "t=²,v1=ä", "t=" + "9" * 400 + ",v1=a", "=,=,="])
def test_a_header_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        check([OLD], header)


def test_a_digest_that_is_no_ascii_is_refused() -> None:
    with pytest.raises(BadSignature):
        check([OLD], f"t={int(time.time())},v1=ä")


def test_without_secrets_nothing_is_accepted() -> None:
    with pytest.raises(BadSignature):
        check([], sign([OLD], PATH, BODY))
