from datetime import UTC, datetime, timedelta

import pytest

from converto.auth.keys import KeyRing, Seal, SigningKey, WrongSecret

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEAL = Seal("a secret of the installation, long")


def test_a_key_is_published_before_it_signs() -> None:
    ring = KeyRing.fresh(AT)

    rotated = ring.rotated(AT, overlap=HOUR)

    assert rotated.current is ring.next
    assert ring.next in list(ring)


def test_a_key_can_be_checked_with_for_the_overlap_after_it_signed() -> None:
    ring = KeyRing.fresh(AT)

    rotated = ring.rotated(AT, overlap=HOUR)

    assert ring.current in list(rotated)


def test_two_rotations_in_a_row_drop_no_key_whose_tokens_may_live() -> None:
    ring = KeyRing.fresh(AT)

    twice = ring.rotated(AT, overlap=HOUR).rotated(AT + timedelta(minutes=1), overlap=HOUR)

    assert {key.kid for key in ring} <= {key.kid for key in twice}


def test_a_key_goes_when_its_last_token_has_ended() -> None:
    ring = KeyRing.fresh(AT)

    later = ring.rotated(AT, overlap=HOUR).rotated(AT + HOUR, overlap=HOUR)

    assert ring.current not in list(later)


def test_a_ring_is_due_once_its_key_is_old_enough() -> None:
    ring = KeyRing.fresh(AT)

    assert not ring.due(AT + timedelta(days=29))
    assert ring.due(AT + timedelta(days=30))


def test_a_sealed_key_comes_back() -> None:
    key = SigningKey.generate()

    assert SEAL.open(key.kid, SEAL.close(key)).kid == key.kid


def test_a_sealed_key_shows_nothing_of_itself_and_never_looks_the_same() -> None:
    key = SigningKey.generate()

    first, second = SEAL.close(key), SEAL.close(key)

    assert first != second
    assert key.private.private_numbers().private_value.to_bytes(32, "big") not in first


def test_another_secret_is_refused_with_the_setting_to_mend() -> None:
    key = SigningKey.generate()

    with pytest.raises(WrongSecret, match="JWT_SECRET_KEY"):
        Seal("another secret of the installation").open(key.kid, SEAL.close(key))


def test_a_sealed_key_is_bound_to_its_name() -> None:
    key, other = SigningKey.generate(), SigningKey.generate()

    with pytest.raises(WrongSecret):
        SEAL.open(other.kid, SEAL.close(key))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(200), bytes(200), b"\x01" + bytes(200)])
def test_a_damaged_seal_is_refused(sealed: bytes) -> None:
    with pytest.raises(WrongSecret):
        SEAL.open("kid", sealed)


def test_a_flipped_bit_in_a_sealed_key_is_refused() -> None:
    key = SigningKey.generate()
    sealed = bytearray(SEAL.close(key))
    sealed[-1] ^= 1

    with pytest.raises(WrongSecret):
        SEAL.open(key.kid, bytes(sealed))


def test_a_key_does_not_show_its_private_half_in_a_log() -> None:
    assert "private" not in repr(SigningKey.generate())
