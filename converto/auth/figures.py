"""What the signing in counts."""

from prometheus_client import CollectorRegistry, Counter

OUTCOMES = ("signed_in", "password", "otp", "passkey", "too_many_failures")


class SignInFigures:
    """Figures for Prometheus; never who it was."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tries = Counter("converto_auth_sign_ins_total", "Sign-ins by what became of them", ["outcome"], registry=registry)
        self._reused = Counter("converto_auth_refresh_tokens_reused_total", "Refresh tokens that came a second time", registry=registry)
        for outcome in OUTCOMES:  # at 0 from the start: Prometheus sees the first of each as a change
            self._tries.labels(outcome)

    def came_in(self) -> None:
        """Count somebody who was let in."""
        self._tries.labels("signed_in").inc()

    def refused(self, what: str) -> None:
        """Count a try that failed, by what was wrong: password, otp, passkey; or too many failures before it."""
        self._tries.labels(what).inc()

    def reused(self) -> None:
        """Count a session that ended because its refresh token came from somewhere else too."""
        self._reused.inc()
