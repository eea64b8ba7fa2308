"""One call of a provider, as its dialect takes it, and what comes back."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from converto.ai.conversation import Message, Outcome


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens as a provider counts them; those read from its cache, or written to it, are among the prompt's."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0


class Delta(msgspec.Struct, frozen=True, gc=False):
    """Some more of an answer."""

    text: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    usage: Usage | None = None
    """What the provider has said so far of what it counts."""


class Result(msgspec.Struct, frozen=True):
    """A whole answer; of a stream its end, without the text that has come before."""

    finish_reason: str
    text: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    usage: Usage | None = None
    headroom: float | None = None
    """For how many seconds the provider will take no more requests; None where it did not say so."""


class Call(msgspec.Struct, frozen=True):
    """What is asked of one model."""

    model: str
    messages: Sequence[Message]
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] = ()
    response_schema: Mapping[str, Any] | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] | None = None


class UpstreamFailed(Exception):
    """A call of a provider did not give an answer."""

    def __init__(
        self,
        outcome: Outcome,
        reason: str = "",
        *,
        retry_after_s: float | None = None,
        may_be_billed: bool = False,
    ) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.retry_after_s = retry_after_s
        self.may_be_billed = may_be_billed
        """Whether the provider may have worked all the same."""


class Dialect(Protocol):
    """Speaks to one provider."""

    async def chat(self, call: Call, *, key: str) -> Result:
        """Return an answer. Raises UpstreamFailed."""
        ...

    def stream(self, call: Call, *, key: str) -> AsyncIterator[Delta | Result]:
        """Yield an answer bit by bit, and its end. Raises UpstreamFailed, also where the end does not come."""
        ...


def text_of(message: Message) -> str:
    """Return the words of a message, without its pictures."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return "".join(part.text or "" for part in message.content)


def data_of(url: str) -> tuple[str, str] | None:
    """Return the media type and the base64 of a `data:` URL, or None for an address."""
    head, found, encoded = url.partition(";base64,")
    return (head.removeprefix("data:"), encoded) if found and head.startswith("data:") else None
