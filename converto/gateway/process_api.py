"""REST of every process, whatever it hosts: how it is, and its figures."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import converto
from converto.gateway.health import Health, NotReady, health, reasons_against
from converto.kernel.config import Environment, Settings
from converto.kernel.errors import NotFound, Unauthenticated
from converto.kernel.interface import Value
from converto.kernel.runtime import Runtime
from converto.kernel.web import problems

router = APIRouter(tags=["health"])


class Alive(Value):
    """That this process answers."""

    status: str = "ok"


def for_operators(request: Request) -> None:
    """Let only those in, in production, who send the operators' token. Raises NotFound, Unauthenticated."""
    settings: Settings = request.app.state.edge.runtime.settings
    if settings.environment is not Environment.PRODUCTION and settings.metrics_token is None:
        return
    if settings.metrics_token is None:
        raise NotFound
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected = settings.metrics_token.get_secret_value()
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected.encode()):
        raise Unauthenticated


ForOperators = Depends(for_operators)


def _runtime(request: Request) -> Runtime:
    found: Runtime = request.app.state.edge.runtime
    return found


TheRuntime = Annotated[Runtime, Depends(_runtime)]


@router.get("/health")
async def get_health(runtime: TheRuntime) -> Health:
    """Say how this process and its modules are; degraded while one of them is."""
    return health(runtime, converto.__version__)


@router.get("/health/live")
async def get_live() -> Alive:
    """Answer, as long as this process can: who gets no answer may start it anew."""
    return Alive()


@router.get("/health/ready", responses=problems(NotReady))
async def get_ready(request: Request, runtime: TheRuntime) -> Alive:
    """Answer 200 when requests may be sent here: started, database reachable, events moving."""
    reasons = await reasons_against(runtime, traffic_is_alive=request.app.state.edge.traffic.is_alive)
    if reasons:
        raise NotReady(summary="; ".join(reasons), reasons=reasons, retry_after_s=1)
    return Alive()


@router.get("/metrics", dependencies=[ForOperators], response_class=Response, responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}})
async def get_metrics(request: Request, runtime: TheRuntime) -> Response:
    """Give the figures of this process to Prometheus; in production only with the operators' token."""
    request.app.state.edge.journal.work_off()
    return Response(generate_latest(runtime.metrics), media_type=CONTENT_TYPE_LATEST)
