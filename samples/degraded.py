"""Documents as people send them in: blurred, tilted, faded."""

import random

from PIL import Image, ImageEnhance, ImageFilter

from samples.photo import grain

KINDS = ("blurred", "tilted", "faded")
_BLUR_PIXELS = (1.2, 1.8)
_TILT_DEGREES = (2.0, 5.0)
_INK_LEFT = (0.30, 0.45)
_PAPER_GREY = 232


def degraded(page: Image.Image, kind: str, *, seed: str) -> Image.Image:
    """Return a page of 200 dpi as one of `KINDS`; the same seed gives the same picture."""
    chance = random.Random(f"{seed} {kind}")  # noqa: S311 - not for secrets
    page = page.convert("L")
    if kind == "blurred":
        return grain(page.filter(ImageFilter.GaussianBlur(chance.uniform(*_BLUR_PIXELS))), amount=8, seed=seed)
    if kind == "tilted":
        degrees = chance.choice((-1, 1)) * chance.uniform(*_TILT_DEGREES)
        return grain(page.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=_PAPER_GREY), amount=8, seed=seed)
    if kind == "faded":
        pale = ImageEnhance.Contrast(page).enhance(chance.uniform(*_INK_LEFT))
        return grain(pale.filter(ImageFilter.GaussianBlur(0.6)), amount=8, seed=seed)
    msg = f"There is no way to degrade a page called {kind}"
    raise ValueError(msg)
