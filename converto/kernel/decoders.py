"""What is known of pictures' files before and after a decoder has seen them."""

import struct

DECODER_ERRORS = (
    Warning,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    struct.error,
)
"""What one raises there; Pillow's plugins do not agree on one class."""
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
"""What stands behind `ftyp` in a file of HEIC."""
