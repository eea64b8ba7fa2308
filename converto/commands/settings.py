"""`converto settings`: every setting with its meaning and default, as env.example."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from converto.kernel.config import FromOutside, ModuleSettings, Settings
from converto.kernel.manifest import Module

HEAD = """\
# Every setting of Converto with its default: made by `make env.example`, so change the settings classes, not this file.
# Copy it to .env and uncomment what you change; the environment wins over the file. A setting may also
# be a file by its name in the folder that CONVERTO_SECRETS_DIR names, /run/secrets by default.
"""
OTHER_NAMES = {
    "CONVERTO_ENVIRONMENT": "ENVIRONMENT",
    "CONVERTO_EVENTS": "REDIS_HOST with REDIS_PORT",
    "CONVERTO_DATABASE_URL": "POSTGRES_HOST with POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB",
}


def env_example(modules: Sequence[Module]) -> str:
    """Return the text of env.example for these modules."""
    blocks = [HEAD, "\n".join(_block("The program", Settings))]
    blocks += ["\n".join(_block(f"The module {m.name}", m.settings)) for m in modules if m.settings is not ModuleSettings]
    return "\n\n".join(blocks) + "\n"


def _block(title: str, settings: type[FromOutside]) -> Iterator[str]:
    yield f"# --- {title} ---"
    prefix = settings.model_config.get("env_prefix", "")
    meanings = _meanings(settings)
    for name, field in settings.model_fields.items():
        variable = f"{prefix}{name}".upper()
        others = _others(variable, field)
        yield ""
        yield f"# {meanings[name]}{f' Also: {others}.' if others else ''}"
        under = (field.examples or ["OCR"])[0] if field.default_factory is dict else None
        yield f"# {variable}{f'__{under}' if under else ''}={_shown(field)}"


def _meanings(settings: type[FromOutside]) -> Mapping[str, str]:
    """Return the docstring of every setting. Read here and not at each start, as pydantic would: only this page needs it."""
    found: dict[str, str] = {}
    for own in reversed(settings.__mro__):
        if issubclass(own, FromOutside):
            module = ast.parse(textwrap.dedent(inspect.getsource(own)))
            for line, after in pairwise(line for body in module.body if isinstance(body, ast.ClassDef) for line in body.body):
                match line, after:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = inspect.cleandoc(text).replace("\n", " ")
    return found


def _others(variable: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    choices = [str(choice) for choice in getattr(alias, "choices", []) if str(choice).upper() != variable]
    return OTHER_NAMES.get(variable) or ", ".join(choices)


def _shown(field: FieldInfo) -> str:
    default: Any = None if field.default_factory else field.default  # one that is worked out is this machine's: how many cores it has
    if default is None or isinstance(default, SecretStr) or default in ({}, (), []):
        return ""
    if isinstance(default, tuple | list):
        return ",".join(str(item) for item in default)
    return str(default) if not isinstance(default, bool | Path) else str(default).lower() if isinstance(default, bool) else f"./{default}"
