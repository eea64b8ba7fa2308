"""Who may have how many deliveries under way."""

from converto.events.webhooks.places import Places
from converto.events.webhooks.queues import Endpoint
from converto.kernel.clock import new_id


def endpoint(failures: int = 0) -> Endpoint:
    return Endpoint(tenant_id=new_id(), id=new_id(), url="", secrets=(), failures=failures)


def test_one_endpoint_alone_has_as_many_as_an_endpoint_may() -> None:
    one = endpoint()
    assert [Places([one] * mine, at_once=10, per_endpoint=3).free(one) for mine in range(5)] == [3, 2, 1, 0, 0]


def test_however_many_places_are_taken_another_endpoint_has_its_first() -> None:
    hanging = [endpoint() for _ in range(4)]
    places = Places([one for one in hanging for _ in range(6)], at_once=20, per_endpoint=6)
    assert [places.free(one) for one in (hanging[0], endpoint(), endpoint())] == [0, 1, 1]


def test_further_ones_share_the_places() -> None:
    places = Places([endpoint() for _ in range(50)], at_once=20, per_endpoint=6)
    one = endpoint()
    assert places.free(one) == 6
    places.take(one, 6)
    hoarders = [endpoint() for _ in range(3)]
    for hoarder in hoarders:
        places.take(hoarder, places.free(hoarder))
    assert places.free(endpoint()) == 1


def test_one_that_fails_has_one_and_all_of_them_together_half() -> None:
    sick = endpoint(failures=1)
    places = Places([sick], at_once=8, per_endpoint=6)
    assert places.free(sick) == 0
    for _ in range(3):
        other = endpoint(failures=3)
        assert places.free(other) == 1
        places.take(other, 1)
    assert (places.free(endpoint(failures=2)), places.free(endpoint())) == (0, 6)


def test_there_is_an_end_to_all_places() -> None:
    places = Places([endpoint() for _ in range(32)], at_once=8, per_endpoint=6)
    assert (places.is_full, places.free(endpoint())) == (True, 0)


def test_a_place_that_becomes_free_is_anybodys_once_the_further_ones_are_taken() -> None:
    one, other, sick = endpoint(), endpoint(), endpoint(failures=1)
    shared = {4: [one] * 5, 3: [one] * 4}
    assert {further: Places(under_way, at_once=4, per_endpoint=6).are_shared_out for further, under_way in shared.items()} == {
        4: True,
        3: False,
    }
    assert [Places([one, other, *sicks], at_once=4, per_endpoint=6).are_shared_out for sicks in ([sick], [sick, endpoint(1)])] == [
        False,
        True,
    ]
