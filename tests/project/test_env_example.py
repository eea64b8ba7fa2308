from pathlib import Path

from converto.commands.settings import env_example
from converto.modules import installed


def test_env_example_holds_every_setting_as_the_classes_have_it() -> None:
    written = (Path(__file__).parents[2] / "env.example").read_text()

    assert written == env_example(installed()), "run `make env.example`"
