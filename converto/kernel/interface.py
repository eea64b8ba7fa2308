"""Interfaces: what a module may be asked, written once as a typed protocol.

class Vat(Interface, Protocol):
    @query
    async def rate(self, category: str, on: date) -> Rate:
        '''Return the rate in force. Raises NoRate.'''
        ...
"""

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, cached_property
from types import MappingProxyType
from typing import Annotated, Any, Protocol, TypeVar, get_args, get_origin, overload

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", bound=StrEnum)

Open = Annotated[E | str, Field(union_mode="left_to_right")]
"""One of an enumeration that may grow: `Open[Colour]`. A caller from before a value was added gets it as plain text, where it would
otherwise fail to read the whole answer."""

DEFAULT_TIMEOUT_S = 30.0
_MARK = "__converto_operation__"


class Value(BaseModel):
    """Frozen data that travels between modules. An unknown field is ignored: a newer module may say more than we know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Interface(Protocol):
    """What one module may be asked; a service subclasses it, and `bind` makes a caller of it."""


class Kind(StrEnum):
    """How an operation may be called."""

    QUERY = "query"
    COMMAND = "command"
    STREAM = "stream"


@dataclass(frozen=True)
class Operation:
    """One method of an interface: how it is called, and the shapes of what goes in and comes out.

    The shapes are made when they are first asked for: between processes, and not where the module lives.
    """

    name: str
    kind: Kind
    timeout_s: float
    signature: inspect.Signature
    returns: Any
    """What one answer is; of a stream, each of them."""
    interface: str

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """Give the shape of what goes in."""
        parameters = self.signature.parameters.values()
        fields: dict[str, Any] = {p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters}
        return create_model(f"{self.interface}_{self.name}", **fields)

    @cached_property
    def result(self) -> TypeAdapter[Any]:
        """Give the shape of what comes out."""
        return TypeAdapter(self.returns)

    def within(self, timeout_s: float | None) -> "Operation":
        """Return the same operation, which may take no longer than so."""
        return self if timeout_s is None or timeout_s >= self.timeout_s else replace(self, timeout_s=timeout_s)


class Mark:
    """A decorator for the methods of an interface: bare, or with the seconds after which a call is given up."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    @overload
    def __call__(self, method: F) -> F: ...
    @overload
    def __call__(self, *, timeout_s: float) -> Callable[[F], F]: ...
    def __call__(self, method: F | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> F | Callable[[F], F]:
        """Mark a method as an operation."""

        def mark(method: F) -> F:
            setattr(method, _MARK, (self._kind, timeout_s))
            return method

        return mark if method is None else mark(method)


query = Mark(Kind.QUERY)
"""Marks a method that only reads: a failed call may be made again."""
command = Mark(Kind.COMMAND)
"""Marks a method that changes something: a call is made at most once."""
stream = Mark(Kind.STREAM)
"""Marks a method that yields values one by one: `def chat(...) -> AsyncIterator[Delta]`."""


@cache
def operations(interface: type[Interface]) -> Mapping[str, Operation]:
    """Return the operations of an interface by name. Raises TypeError for a method that is not async, marked and annotated."""
    found = {}
    for base in reversed(interface.__mro__):
        if Interface not in base.__mro__[1:]:
            continue
        for name, member in vars(base).items():
            if inspect.isfunction(member) and not name.startswith("_"):
                found[name] = _operation(interface, name, member)
    return MappingProxyType(found)


def _operation(interface: type[Interface], name: str, method: Callable[..., Any]) -> Operation:
    where = f"{interface.__qualname__}.{name}"
    if not hasattr(method, _MARK):
        msg = f"{where} is marked neither @query, @command nor @stream"
        raise TypeError(msg)
    kind, timeout_s = getattr(method, _MARK)
    if inspect.iscoroutinefunction(method) is (kind is Kind.STREAM):
        msg = f"{where} is a stream, so `def`" if kind is Kind.STREAM else f"{where} is not async"
        raise TypeError(msg)
    signature = inspect.signature(method, eval_str=True)
    parameters = list(signature.parameters.values())[1:]
    if any(p.kind in {p.VAR_POSITIONAL, p.VAR_KEYWORD} for p in parameters):
        msg = f"{where} takes any number of arguments, which no schema can name"
        raise TypeError(msg)
    missing = [p.name for p in parameters if p.annotation is p.empty]
    if missing or signature.return_annotation is signature.empty:
        msg = f"{where} lacks the annotation of {', '.join(missing) or 'what it returns'}"
        raise TypeError(msg)
    returns = signature.return_annotation
    return Operation(
        name=name,
        kind=kind,
        timeout_s=timeout_s,
        signature=signature.replace(parameters=parameters),
        returns=_yielded(returns, where) if kind is Kind.STREAM else returns,
        interface=interface.__name__,
    )


def _yielded(annotation: Any, where: str) -> Any:
    if get_origin(annotation) is not AsyncIterator:
        msg = f"{where} is a stream, so it returns AsyncIterator[...]"
        raise TypeError(msg)
    return get_args(annotation)[0]
