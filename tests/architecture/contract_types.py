"""The two kinds of import contract that bear with a module which has not come yet."""

from typing import Any

from grimp import ImportGraph
from importlinter import ContractCheck
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.imports import ModuleExpression


class MeetInInterfaces(IndependenceContract):
    """Independence of those of the named modules that are there."""

    modules: Any = IndependenceContract.modules

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - the linter's own signature
        self.modules = {module for module in self.modules if _is_there(module, graph)}
        return super().check(graph, verbose)


class KnownBy(ProtectedContract):
    """Protection of those of the named packages that are imported at all, from all but those importers that are there."""

    protected_modules: Any = ProtectedContract.protected_modules
    allowed_importers: Any = ProtectedContract.allowed_importers

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - the linter's own signature
        self.protected_modules = [module for module in self.protected_modules if _is_there(module, graph)]
        self.allowed_importers = [module for module in self.allowed_importers if _is_there(module, graph)]
        return super().check(graph, verbose)


def _is_there(module: ModuleExpression, graph: ImportGraph) -> bool:
    return module.has_wildcard_expression() or module.expression in graph.modules
