from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from converto.auth.api_keys.tokens import KeyHasher, new_key, sent

ID = UUID("01930000-0000-7000-8000-000000000001")


@given(st.uuids())
def test_a_key_says_which_it_is(key_id: UUID) -> None:
    text = new_key(key_id)

    found = sent(text)

    assert found is not None
    assert (found.id, found.text, len(text)) == (key_id, text, 81)


def test_a_key_is_known_to_scanners_and_shows_in_no_log() -> None:
    text = new_key(ID)

    assert text.startswith("cvt_live_")
    assert text not in repr(sent(text))


def test_no_two_keys_of_one_id_are_alike() -> None:
    assert len({new_key(ID) for _ in range(50)}) == 50


def test_one_wrong_sign_anywhere_is_known_without_asking_anybody() -> None:
    text = new_key(ID)
    wrong = [text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :] for at in range(len(text))]

    assert [each for each in wrong if sent(each) is not None] == []


KEY = new_key(ID)
NO_KEYS = [
    "",
    KEY[:-1],
    KEY + "0",
    f"{KEY}\n",
    f" {KEY}",
    KEY.replace("live", "test"),
    KEY.upper(),
    KEY.replace("cvt_", "cvr_"),
    KEY[:9] + "z" * 22 + KEY[31:],
    "cvt_live_" + "é" * 72,
    "cvt_live_" + "\u0661" * 22 + KEY[31:],
]


def test_what_has_another_shape_is_no_key() -> None:
    assert [text for text in NO_KEYS if sent(text) is not None] == []


def test_what_is_kept_depends_on_a_secret_that_the_database_lacks() -> None:
    text = new_key(ID)

    assert KeyHasher(b"a" * 32).of(text) == KeyHasher(b"a" * 32).of(text)
    assert KeyHasher(b"a" * 32).of(text) != KeyHasher(b"b" * 32).of(text)
