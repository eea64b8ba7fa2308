"""What the reading of documents counts."""

from prometheus_client import CollectorRegistry, Counter, Histogram

PAGE_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 30, 60)


class ReadingFigures:
    """Figures for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._scans = Counter("converto_ocr_scans_total", "Scans that have come to an end", ["status", "code"], registry=registry)
        self._scans.labels("completed", "")
        self._pages = Counter("converto_ocr_pages_total", "Pages of scans that were completed", registry=registry)
        self._seconds = Histogram(
            "converto_ocr_page_seconds", "Seconds that a page of a completed scan took", buckets=PAGE_BUCKETS_S, registry=registry
        )
        self._waited = Histogram(
            "converto_ocr_wait_seconds", "Seconds from an upload to the start of its reading", buckets=PAGE_BUCKETS_S, registry=registry
        )

    def began(self, waited_s: float) -> None:
        """Note that a scan is read now which has waited so long."""
        self._waited.observe(max(0.0, waited_s))

    def completed(self, pages: int, seconds: float) -> None:
        """Count a scan that was read."""
        self._scans.labels("completed", "").inc()
        self._pages.inc(pages)
        self._seconds.observe(seconds / max(1, pages))

    def failed(self, code: str) -> None:
        """Count a scan that could not be read, by the code of the error."""
        self._scans.labels("failed", code).inc()
