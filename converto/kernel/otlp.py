"""Spans on their way to an OpenTelemetry collector, by OTLP over HTTP. The only file that knows the library; see `tracing`."""

import asyncio
import os
import socket
import threading
from urllib.parse import unquote

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context

import converto
from converto.kernel.config import CannotStart, Settings
from converto.kernel.spans import Span

PATH = "/v1/traces"
TIMEOUT_S = 5.0
"""How long a batch may take to be taken, all tries together."""
GATHER_S = 1.0
MOST_WAITING = 4096
"""Spans that wait; of more the oldest are dropped, for a collector that is away must cost no memory."""
LAST_S = 2.0
"""How long the end of the process waits for the last spans to be taken."""
KINDS = {0: SpanKind.INTERNAL, 1: SpanKind.SERVER, 2: SpanKind.CLIENT, 3: SpanKind.PRODUCER, 4: SpanKind.CONSUMER}


class _Given(IdGenerator):
    """Gives the ids that our own context has chosen."""

    def __init__(self) -> None:
        self.trace_id = 0
        self.span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class Collector:
    """Sends spans in batches, from a thread of its own. What is sampled is decided before: see `context.Sampling`."""

    def __init__(self, settings: Settings) -> None:
        """Take where to send them from the settings; the standard's own variables say the rest, such as OTEL_EXPORTER_OTLP_CERTIFICATE."""
        endpoint = (settings.otlp_endpoint or "").rstrip("/")
        exporter = OTLPSpanExporter(
            endpoint=endpoint if endpoint.endswith(PATH) else endpoint + PATH,
            headers=_headers(settings),
            timeout=TIMEOUT_S,
            compression=Compression.Gzip,
        )
        self._ids = _Given()
        self._one_at_a_time = threading.Lock()
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=_resource(settings), id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=GATHER_S * 1000, max_queue_size=MOST_WAITING))
        self._tracer = self._provider.get_tracer("converto", converto.__version__)

    def take(self, span: Span) -> None:
        """Take a span that has ended."""
        around = None if span.parent is None else set_span_in_context(NonRecordingSpan(_ids(span.parent, is_remote=True)))
        own = _ids(span.trace_parent)
        with self._one_at_a_time:
            self._ids.trace_id, self._ids.span_id = own.trace_id, own.span_id
            told = self._tracer.start_span(
                span.name, context=around, kind=KINDS[span.kind], attributes=span.attributes, start_time=span.start_ns
            )
        if span.failure is not None:
            told.set_status(Status(StatusCode.ERROR, span.failure))
        told.end(span.end_ns)

    async def close(self) -> None:
        """Send what is left, as far as it is taken in a moment: a collector that is away must not hold up the end."""
        last = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        last.start()
        await asyncio.to_thread(last.join, LAST_S)


def _ids(trace_parent: str, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(
        int(trace_parent[3:35], 16), int(trace_parent[36:52], 16), is_remote=is_remote, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )


def _resource(settings: Settings) -> Resource:
    """Return what this process is: `converto` where every module lives, `converto-ocr` where one of them does."""
    lives = "gateway" if "gateway" in settings.modules else next(iter(settings.modules), "")
    own = {
        "service.name": f"converto-{lives}" if lives else "converto",
        "service.version": converto.__version__,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        "deployment.environment.name": settings.environment.value,
    }
    given = os.environ.get("OTEL_SERVICE_NAME")
    return Resource.create(own | ({"service.name": given} if given else {}))


def _headers(settings: Settings) -> dict[str, str]:
    """Return what goes with every batch, as the standard writes it: `name=value,name=value`. Raises CannotStart."""
    written = settings.otlp_headers.get_secret_value() if settings.otlp_headers is not None else ""
    pairs = [pair.partition("=") for pair in written.split(",") if pair.strip()]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        msg = "CONVERTO_OTLP_HEADERS is to be name=value, several with commas."
        raise CannotStart(msg)
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
