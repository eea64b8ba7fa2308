import importlib
import sys

import pytest

from converto.kernel.unloaded import unloaded


def test_a_module_is_not_there_in_the_block_and_there_again_after_it() -> None:
    sys.modules.pop("colorsys", None)
    with unloaded("colorsys"), pytest.raises(ImportError):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").__name__ == "colorsys"


def test_a_module_that_is_loaded_stays() -> None:
    with unloaded("json"):
        assert importlib.import_module("json").__name__ == "json"
