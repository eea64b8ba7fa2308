"""What every answer tells a browser: take it as what it says it is, show it in no frame, keep no copy, load nothing.

JSON is no document: what only a document can be told is left out of it, for the server writes and checks each header of each answer.
"""

from collections.abc import Sequence

API_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"cross-origin-resource-policy", b"same-origin"))
_OF_DOCUMENTS = (
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
    ),
)
_UNLESS_SET = ((b"content-security-policy", API_POLICY), (b"cache-control", b"no-store"))
Headers = tuple[tuple[bytes, bytes], ...]
_OVER_TLS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")


def _ours(*, with_policy: bool, with_cache_control: bool, over_tls: bool) -> Headers:
    """Return what is added to an answer that has a policy, or a cache control, of its own."""
    others = [header for header, is_set in zip(_UNLESS_SET, (with_policy, with_cache_control), strict=True) if not is_set]
    return (*_ALWAYS, *_OF_DOCUMENTS, *others, *((_OVER_TLS,) if over_tls else ()))


_OURS = {
    (policy, cache, tls): _ours(with_policy=policy, with_cache_control=cache, over_tls=tls)
    for policy in (False, True)
    for cache in (False, True)
    for tls in (False, True)
}
"""Worked out once for each case: every answer bears them."""
_OF_JSON = {tls: (*_ALWAYS, *_UNLESS_SET, *((_OVER_TLS,) if tls else ())) for tls in (False, True)}
_JSON = frozenset({b"application/json", b"application/problem+json"})


def headers_beside(headers: Sequence[tuple[bytes, bytes]], *, over_tls: bool) -> Headers:
    """Return what is added to the headers of an answer; a route may set a policy and a cache control of its own."""
    if len(headers) == 2 and headers[0][0] == b"content-length" and headers[1][1] in _JSON:
        return _OF_JSON[over_tls]  # as most are
    names = [header[0] for header in headers]
    return _OURS[b"content-security-policy" in names, b"cache-control" in names, over_tls]
