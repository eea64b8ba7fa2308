import asyncio
import os
import timeit
from collections.abc import AsyncIterator
from time import process_time

import pytest

from converto.auth.passwords import PasswordHasher, hashed, matches, needs_rehash, nobodys_hash, require_strong
from converto.auth.people import Overloaded, WeakPassword
from converto.auth.strength import score

GOOD = "kolme vihreää tuolia 81"
STORED = "$argon2id$v=19$m=19456,t=2,p=1$v5cSwjgHYAyBcC5FaM35/w$FZC/6i3oYE/lj1rcxD+m5Fv9uan1fTBQVNOToE+smEc"
WEAKER = "$argon2id$v=19$m=8,t=1,p=1$v5cSwjgHYAyBcC5FaM35/w$FZC/6i3oYE/lj1rcxD+m5Fv9uan1fTBQVNOToE+smEc"


@pytest.fixture
async def hasher() -> AsyncIterator[PasswordHasher]:
    hasher = PasswordHasher()
    yield hasher
    hasher.close()


def weakness(password: str) -> str | None:
    try:
        require_strong(password, email="maija.virtanen@ruskokahvila.fi", companies=("Kahvila Rusko Oy",))
    except WeakPassword as refused:
        return str(refused.details["reason"])
    return None


def test_a_hash_is_argon2id_with_the_promised_cost() -> None:
    assert hashed(GOOD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_matches_its_hash_and_no_other() -> None:
    assert matches("a" * 20, STORED)
    assert not matches("a" * 21, STORED)


def test_a_password_is_taken_exactly_as_it_was_typed() -> None:
    stored = hashed(" Ää" + "x" * 253)

    assert matches(" Ää" + "x" * 253, stored)
    assert not matches(" Ää" + "x" * 252, stored)
    assert not matches("Ää" + "x" * 253, stored)
    assert not matches(" A\u0308a\u0308" + "x" * 253, stored)


def test_a_hash_of_other_parameters_is_made_anew() -> None:
    assert needs_rehash(WEAKER)
    assert not needs_rehash(STORED)
    assert not needs_rehash(nobodys_hash())


EASY = [
    "short",
    "123456789",
    "1234567890",
    "qwertyuiop",
    "Password123",
    "passwordpassword",
    "iloveyou123",
    "salasana123",
    "Salasana2026",
    "Perkele666!",
    "helsinki2024",
    "kesäkuu2025",
    "kesakuu2025",
    "Virtanen1985",
    "Räikkönen007",
    "Jokerit1967",
    "qwertyuiopå",
    "asdfghjklöä",
    "aaaaaaaaaaaaaaaa",
    "abcabcabcabcabc",
    "01.01.1990!",
    "tilitoimisto1",
    "Kirjanpito1",
    "p4ssw0rd2026",
]
KNOWN = ["a converto of tea cups", "x9 MAIJA.VIRTANEN 7", "kahvilarusko vene 7", "k-a-h-v-i-l-a rusko", "uusi Kahvila Rusko"]
HARD = [GOOD, "correct horse battery staple", "k7#Vq92!mzPd", "korrektihevonenakku", "🦉 pöllö istuu oksalla", "lTq8-v" + "ö" * 250]


@pytest.mark.parametrize("password", [*EASY, "x" * 257, "\ud800 half a character"])
def test_a_password_that_is_guessed_early_or_cannot_be_kept_is_refused(password: str) -> None:
    assert weakness(password) is not None


@pytest.mark.parametrize("password", KNOWN)
def test_a_password_that_holds_what_is_known_of_a_person_is_refused(password: str) -> None:
    assert weakness(password) == "it holds your e-mail, your company or the name of this product"


@pytest.mark.parametrize("password", HARD)
def test_a_good_password_is_taken(password: str) -> None:
    assert weakness(password) is None


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(WeakPassword) as refused:
        require_strong("short", email="a@b.fi", companies=("B Oy",))

    assert refused.value.details["errors"] == [{"pointer": "/password", "detail": "it needs 10 to 256 characters"}]


def test_no_password_takes_long_to_judge() -> None:
    ordinary = min(timeit.repeat(lambda: score(GOOD * 3), number=1, repeat=3, timer=process_time))
    nastiest = min(timeit.repeat(lambda: score("4@8({[<369&#!1/|0$5+7%2" * 4), number=1, repeat=3, timer=process_time))

    assert nastiest < 60 * ordinary  # without the bound it is about five hundred times


def test_what_one_person_is_known_by_is_forgotten_for_the_next() -> None:
    assert score("zqxjkvbwpf", ["zqxjkvbwpf"]) == 0
    assert score("zqxjkvbwpf") == 3


async def test_a_password_is_verified_beside_the_event_loop(hasher: PasswordHasher) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    assert await hasher.verify("a" * 20, STORED)
    beating.cancel()

    assert beats > 50  # a loop that had to wait for the hash would have come round two or three times


async def test_nobody_is_verified_and_half_characters_are_just_wrong(hasher: PasswordHasher) -> None:
    assert not await hasher.verify(GOOD, None)
    assert not await hasher.verify("\ud800", STORED)


async def test_a_person_who_does_not_exist_takes_as_long_as_one_who_does(hasher: PasswordHasher) -> None:
    known: list[float] = []
    unknown: list[float] = []
    for _ in range(9):  # interleaved, so that what else the machine does falls on both
        for stored, times in ((STORED, known), (None, unknown)):
            began = process_time()
            await hasher.verify("wrong password", stored)
            times.append(process_time() - began)

    assert 0.8 < min(unknown) / min(known) < 1.25  # the least is what neither had to share with others


async def test_beyond_the_queue_people_are_told_at_once_to_come_back() -> None:
    hasher = PasswordHasher(threads=1, max_queued=2, queue_timeout_s=5)

    answers = await asyncio.gather(*(hasher.verify("wrong", STORED) for _ in range(6)), return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, Overloaded)]
    assert answers.count(False) == 3
    assert len(refused) == 3
    assert all(error.status == 503 and error.retry_after_s for error in refused)
    hasher.close()


async def test_nobody_waits_longer_in_the_queue_than_promised() -> None:
    hasher = PasswordHasher(threads=1, max_queued=100, queue_timeout_s=0.05)

    answers = await asyncio.gather(*(hasher.verify("wrong", STORED) for _ in range(30)), return_exceptions=True)

    assert any(isinstance(answer, Overloaded) for answer in answers)
    assert False in answers
    hasher.close()


async def test_people_who_give_up_do_not_free_a_thread_that_still_works() -> None:
    hasher = PasswordHasher(threads=1, max_queued=0)
    first = asyncio.create_task(hasher.verify("wrong", STORED))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    with pytest.raises(Overloaded):
        await hasher.verify("wrong", STORED)
    hasher.close()


async def test_the_pool_recovers_after_a_flood() -> None:
    hasher = PasswordHasher(threads=1, max_queued=1)
    await asyncio.gather(*(hasher.verify("wrong", STORED) for _ in range(5)), return_exceptions=True)

    assert await hasher.verify("a" * 20, STORED)
    hasher.close()


async def test_there_are_never_more_threads_than_cores() -> None:
    hasher = PasswordHasher(threads=1000)

    assert hasher._threads._max_workers <= (os.cpu_count() or 1)
    hasher.close()
