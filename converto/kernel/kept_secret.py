"""A secret of the installation: given by a setting, or outside production made once and kept in the data folder."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from converto.kernel.config import Environment, Settings

SHORTEST_SECRET = 32


def installation_secret(given: SecretStr | None, program: Settings, *, file: str) -> str | None:
    """Return the secret that was given, or the one kept in a file of the data folder. None where production was given too short a one."""
    text = given.get_secret_value() if given is not None else ""
    if program.environment is Environment.PRODUCTION and len(text) < SHORTEST_SECRET:
        return None
    return text or _kept(program.data_dir / file)


def _kept(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    if not file.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, file)  # of two processes that start at once one wins, and nobody reads half a file
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()
