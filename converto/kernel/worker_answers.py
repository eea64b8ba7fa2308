"""How a worker process answers: each time five bytes, the length and the kind of what follows, and that."""

import struct

HEADER = struct.Struct(">IB")
DONE, FAILED, UNDER_WAY = 0, 1, 2
