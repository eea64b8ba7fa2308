"""What the wheel holds beside the package: the migrations, which a checkout keeps at its root."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Migrations(BuildHookInterface[Any]):
    """Puts the migrations inside the package, but not into an editable install, which uses those of the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the folder, unless the version built is the editable one."""
        if version == "standard":
            build_data["force_include"]["migrations"] = "converto/migrations"
