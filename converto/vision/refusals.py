"""Why nothing is told of a picture, as callers see it."""

from converto.kernel.errors import Error, Internal, Invalid, TimedOut, TooLarge, Unsupported


class EmptyPicture(Invalid):
    """No bytes at all."""

    code = "vision.empty_picture"
    message = "The picture is empty; choose another."


class NoBase64(Invalid):
    """A picture in JSON that is not written in base64."""

    code = "vision.no_base64"
    message = "The picture is not written in base64."


class PictureTooLarge(TooLarge):
    """More bytes than are looked at."""

    code = "vision.picture_too_large"
    message = "The picture has {bytes} bytes and at most {max_bytes} are taken; save it smaller."


class UnsupportedPicture(Unsupported):
    """No picture of a kind that is looked at here."""

    code = "vision.unsupported_picture"
    message = "This is no JPEG, PNG, WebP, TIFF or HEIC picture; a PDF goes to /ocr/scans."


class DamagedPicture(Invalid):
    """The beginning says what it is, the rest does not hold."""

    code = "vision.damaged_picture"
    message = "The {kind} picture is damaged or cut off; send it again, or save it anew."


class TooManyPixels(Invalid):
    """A picture larger than anything that is looked at."""

    code = "vision.too_many_pixels"
    message = "The picture has more than {max_pixels} pixels; save it smaller."


class TooSmall(Invalid):
    """A picture on which nothing has room."""

    code = "vision.too_small"
    message = "The picture has {width} x {height} pixels, which is too small; each side takes at least {min_pixels}."


class TookTooLong(TimedOut):
    """A picture that was still being looked at when its time was up."""

    code = "vision.took_too_long"
    message = "Looking at it took longer than {timeout_s} s; save the picture smaller."


class TooMuchMemory(Invalid):
    """A picture that needs more memory than one may take."""

    code = "vision.too_much_memory"
    message = "The picture needs more memory than one may take; save it smaller."


class LookingStopped(Internal):
    """The process that looked at it ended."""

    code = "vision.stopped"
    message = "The process that looked at the picture ended; try again."


class ModelUnclear(Error):
    """A model's answer has not the shape that was asked for, even when it was told so."""

    status, title = 502, "The model's answer cannot be used"
    code = "vision.model_unclear"
    message = "{model} does not answer in the shape that was asked for: {reason}"


REFUSALS = (
    EmptyPicture, PictureTooLarge, UnsupportedPicture, DamagedPicture, TooManyPixels, TooSmall, TookTooLong, TooMuchMemory, LookingStopped,
    ModelUnclear,
)  # fmt: skip
