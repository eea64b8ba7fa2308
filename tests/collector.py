"""An OpenTelemetry collector of the tests: it takes OTLP over HTTP and keeps what it is sent."""

import gzip
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Collected:
    """A span as it came over the wire."""

    name: str
    kind: int
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    is_broken: bool
    attributes: Mapping[str, Any]


class OtlpCollector:
    """Listens on a free port while the block runs; a test may have it refuse, or never answer."""

    def __init__(self) -> None:
        self.spans: list[Collected] = []
        self.headers: list[Mapping[str, str]] = []
        self.hangs = threading.Event()
        self.ends = threading.Event()
        self._came = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Keep the spans of one batch."""
        body = request.rfile.read(int(request.headers["content-length"]))
        if self.hangs.is_set():
            self.ends.wait(PATIENCE_S)
            return
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        batch = ExportTraceServiceRequest.FromString(body)
        with self._came:
            self.headers.append({"path": request.path, **{name.lower(): value for name, value in request.headers.items()}})
            self.spans += [span for resource in batch.resource_spans for span in _collected(resource)]
            self._came.notify_all()
        answer = ExportTraceServiceResponse().SerializeToString()
        request.send_response(200)
        request.send_header("content-type", "application/x-protobuf")
        request.send_header("content-length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def until(self, fact: Callable[[Sequence[Collected]], bool]) -> Sequence[Collected]:
        """Return what has come once something is so."""
        with self._came:
            assert self._came.wait_for(lambda: fact(self.spans), PATIENCE_S), sorted(span.name for span in self.spans)
            return list(self.spans)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _collected(resource: Any) -> list[Collected]:
    of = {item.key: _value(item.value) for item in resource.resource.attributes}
    return [
        Collected(
            name=span.name,
            kind=span.kind,
            service=of["service.name"],
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            start_ns=span.start_time_unix_nano,
            end_ns=span.end_time_unix_nano,
            is_broken=span.status.code == 2,
            attributes={item.key: _value(item.value) for item in span.attributes},
        )
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def tree(spans: Sequence[Collected], trace_id: str) -> set[tuple[str, str]]:
    """Return the names of the spans of a trace, each with its parent's; the first one has none, and all hang together."""
    of = {span.span_id: span for span in spans if span.trace_id == trace_id}
    roots = [span for span in of.values() if not span.parent_id]
    assert len(roots) == 1, [span.name for span in roots]
    lost = [span.name for span in of.values() if span.parent_id and span.parent_id not in of]
    assert not lost, lost
    return {(span.name, of[span.parent_id].name if span.parent_id else "") for span in of.values()}
