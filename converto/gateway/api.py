"""REST of the edge: the modules, wherever they live, and what went through here."""

from fastapi import APIRouter, Request

from converto.gateway.health import ServiceHealth, services
from converto.gateway.process_api import ForOperators, TheRuntime
from converto.gateway.stats import Stats, stats
from converto.kernel.errors import NotFound, Unauthenticated
from converto.kernel.web import problems

router = APIRouter(tags=["operations"], dependencies=[ForOperators], responses=problems(NotFound, Unauthenticated))


@router.get("/services/health")
async def get_services(runtime: TheRuntime) -> dict[str, ServiceHealth]:
    """List every module, here or elsewhere, with each replica: status, breaker, latency, and when it last answered."""
    return services(runtime)


@router.get("/stats")
async def get_stats(request: Request, runtime: TheRuntime) -> Stats:
    """Count requests, errors and latencies per module and route, with what the limits, caches and breakers did."""
    edge = request.app.state.edge
    edge.journal.work_off()
    refused = {"address": edge.addresses.refused, **edge.limits.refused}
    return stats(runtime, edge.figures, {"tokens": edge.tokens, "answers": edge.answers}, lanes=edge.admission.all(), refused=refused)
