"""Whatever fails on the way is answered as problem+json; what nobody foresaw is logged with its trace."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.kernel.errors import Error, Internal
from converto.kernel.web import problem

log = structlog.get_logger()


class Failures:
    """Answers for the layers and routes inside it when they raise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            if not isinstance(error, Error):
                log.exception("http.failed", **{"http.request.method": scope["method"], "error.type": type(error).__name__})
            if started:
                raise  # the server cuts the connection: an answer that broke off must not look complete
            refusal = error if isinstance(error, Error) else Internal()
            await problem(refusal)(scope, receive, send)
