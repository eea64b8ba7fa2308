"""Interfaces: what a module may be asked, written once as a typed protocol."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Frozen data that travels between modules. An unknown field is ignored: a newer module may say more than we know."""

    model_config = ConfigDict(frozen=True, extra="ignore")
