"""REST: sessions of browsers, whose tokens lie in cookies that no script can read."""

from typing import Annotated, Final

from fastapi import Depends, Header, Request, Response

from converto.auth.client import DEVICE_COOKIE
from converto.auth.people import InBrowser, SignedIn, TokenPair

ACCESS_COOKIE: Final = "__Host-converto"
REFRESH_COOKIE: Final = "__Host-converto-refresh"
BY_COOKIE: Final = "cookie"
LONGEST_SESSION_S: Final = 90 * 86_400
"""How long a browser keeps the refresh token; the session itself may end sooner."""
DEVICE_KNOWN_S: Final = 180 * 86_400

# Another site's page can neither send this header nor have a browser ask whether it may: so what it leads to is asked by our own pages.
SessionHeader = Annotated[
    str | None,
    Header(alias="X-Converto-Session", description="`cookie`: tokens travel in cookies that no script can read, and in no body."),
]


class Browser:
    """Puts tokens where a client wants them: in the body, or in cookies."""

    def __init__(self, request: Request, response: Response, *, by_cookie: bool) -> None:
        self._request = request
        self._response = response
        self._by_cookie = by_cookie

    @property
    def refresh_token(self) -> str | None:
        """The refresh token of a browser; None for a client that sends its own."""
        return self._request.cookies.get(REFRESH_COOKIE) if self._by_cookie else None

    def answered(self, signed_in: SignedIn) -> SignedIn | InBrowser:
        """Return what the body says, with the tokens in it or in cookies."""
        if not self._by_cookie:
            return signed_in
        self._keep(signed_in)
        if signed_in.device_token is not None:
            self.know_device(signed_in.device_token)
        return InBrowser(user=signed_in.user, tenant=signed_in.tenant, expires_in=signed_in.expires_in)

    def continued(self, signed_in: SignedIn) -> SignedIn | InBrowser:
        """Return what the body says where one session goes on in another: what lay in cookies stays there, where no script gets at it."""
        self._by_cookie = self._by_cookie or "authorization" not in self._request.headers
        return self.answered(signed_in)

    def renewed(self, tokens: TokenPair) -> TokenPair | None:
        """Return a session's next tokens for the body; None where they go into the cookies that the session lies in."""
        if not self._by_cookie and "authorization" in self._request.headers:
            return tokens
        self._keep(tokens)
        return None

    def _keep(self, tokens: TokenPair) -> None:
        self._set(ACCESS_COOKIE, tokens.access_token, max_age_s=tokens.expires_in)
        self._set(REFRESH_COOKIE, tokens.refresh_token, max_age_s=LONGEST_SESSION_S)

    def know_device(self, token: str) -> None:
        """Have a browser keep what makes it known."""
        if self._by_cookie:
            self._set(DEVICE_COOKIE, token, max_age_s=DEVICE_KNOWN_S)

    def forget(self) -> None:
        """Have a browser drop its tokens; it stays known."""
        if self._by_cookie or ACCESS_COOKIE in self._request.cookies:
            for name in (ACCESS_COOKIE, REFRESH_COOKIE):
                self._set(name, "", max_age_s=0)

    def _set(self, name: str, token: str, *, max_age_s: int) -> None:
        self._response.set_cookie(name, token, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="lax")


def _browser(request: Request, response: Response, session: SessionHeader = None) -> Browser:
    """Return how this client keeps its tokens."""
    return Browser(request, response, by_cookie=session == BY_COOKIE)


TheBrowser = Annotated[Browser, Depends(_browser)]
