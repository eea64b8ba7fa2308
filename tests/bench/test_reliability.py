"""What is made of confidences and of what was right."""

from bench.measuring.reliability import Observation, cross_validated, drawing, fitted, means, sure_and_right


def seen(count: int, *, wrong: int, confidence: float) -> list[Observation]:
    return [Observation(f"{confidence} {at}", "both", "total", confidence, at >= wrong) for at in range(count)]


def test_a_fitted_confidence_is_the_share_that_was_right_and_a_little_less() -> None:
    maps = fitted([*seen(40, wrong=20, confidence=0.6), *seen(100, wrong=1, confidence=0.9)])

    low, high = (means(maps, Observation("x", "both", "total", at, right=True)) for at in (0.6, 0.9))
    assert 0.45 < low < 0.5
    assert 0.97 < high < 0.99


def test_a_higher_confidence_never_means_less() -> None:
    maps = fitted([*seen(40, wrong=1, confidence=0.6), *seen(40, wrong=10, confidence=0.9)])

    low, high = (means(maps, Observation("x", "both", "total", at, right=True)) for at in (0.6, 0.9))
    assert low <= high


def test_too_few_values_mean_nothing() -> None:
    assert fitted(seen(5, wrong=0, confidence=0.9)) == {}


def test_a_document_is_tried_with_a_map_that_was_made_without_it() -> None:
    tried = cross_validated(seen(200, wrong=2, confidence=0.8))

    right, marked = sure_and_right(tried)
    assert len(tried) == 200
    assert (right, marked) == (198, 200)


def test_the_picture_shows_each_range_and_how_many_values_it_holds() -> None:
    picture = drawing({"as told": [(0.9, True)] * 8 + [(0.9, False)] * 2}, title="Honest")

    assert picture.startswith("<svg")
    assert "8 of 10" in picture
