"""Of what kind a picture is, told by its own bytes."""

from converto.kernel.decoders import HEIC_BRANDS
from converto.vision.refusals import EmptyPicture, PictureTooLarge, UnsupportedPicture


def kind_of(picture: bytes, *, max_bytes: int) -> str:
    """Return of what kind a picture is. Raises EmptyPicture, PictureTooLarge, UnsupportedPicture."""
    if not picture:
        raise EmptyPicture
    if len(picture) > max_bytes:
        raise PictureTooLarge(bytes=len(picture), max_bytes=max_bytes)
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "WebP"
    if picture[4:8] == b"ftyp" and picture[8:12] in HEIC_BRANDS:
        return "HEIC"
    for magic, kind in ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"II*\x00", "TIFF"), (b"MM\x00*", "TIFF")):
        if picture.startswith(magic):
            return kind
    raise UnsupportedPicture
