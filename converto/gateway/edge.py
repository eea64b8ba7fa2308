"""The edge around an application: the layers that every request passes, and the routes that every process answers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from converto.auth.interface import Auth
from converto.events.traffic import Traffic
from converto.gateway import docs, process_api
from converto.gateway.access_log import AccessLog
from converto.gateway.addresses import Addresses, Proxies
from converto.gateway.admission import Admission
from converto.gateway.answers import Answers
from converto.gateway.figures import RequestFigures
from converto.gateway.health import watching
from converto.gateway.interface import KeptAnswers
from converto.gateway.journal import Journal
from converto.gateway.layers.authentication import Authentication, KnownTokens
from converto.gateway.layers.cross_origin import CrossOrigin
from converto.gateway.layers.dispatch import Dispatch
from converto.gateway.layers.entrance import Entrance
from converto.gateway.layers.framing import Framing
from converto.gateway.layers.gate import Gate
from converto.gateway.layers.idempotency import Idempotency
from converto.gateway.layers.json_bodies import JsonBodies
from converto.gateway.layers.response_cache import ResponseCache
from converto.gateway.limits import Limits
from converto.gateway.origins import Origins
from converto.gateway.plans import PlansSold
from converto.gateway.rates import CountsTogether
from converto.gateway.routes import Routes, merged, owners
from converto.gateway.secret import secret_of
from converto.gateway.settings import GatewaySettings
from converto.gateway.turnstile import Turnstile
from converto.kernel.config import Environment, ModuleSettings
from converto.kernel.paid_work import PaidWork
from converto.kernel.runtime import Runtime

MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge's own routes look at; they find it as `app.state.edge`."""

    settings: GatewaySettings
    runtime: Runtime
    traffic: Traffic
    figures: RequestFigures
    tokens: KnownTokens
    journal: Journal
    routes: Routes
    admission: Admission
    addresses: Addresses
    limits: Limits
    modules: Mapping[str, ModuleSettings]
    together: CountsTogether | None
    answers: Answers
    turnstile: Turnstile


def install_edge(app: FastAPI, runtime: Runtime, traffic: Traffic, *, settings: GatewaySettings | None = None) -> None:
    """Put the edge around an application, whose own routes are there already; the settings are read unless given."""
    settings = settings or GatewaySettings()
    tokens = KnownTokens(lifetime_s=settings.token_cache_s, size=settings.token_cache_size)
    figures = RequestFigures(runtime.metrics)
    modules = {name: ModuleSettings.of(name) for name in runtime.known}
    whose = owners(runtime.routed(), modules)
    levels = {template: level for template, owner in whose.items() if (level := modules[owner.module].log_level) is not None}
    journal = Journal(figures, AccessLog(runtime.settings, levels=levels))
    app.router.routes.extend(process_api.router.routes)
    docs.install(app)
    routes = Routes(app.routes, merged(runtime.known.values()), owners=whose)
    together = _together(settings, runtime)
    admission, addresses = (
        Admission(most_waiting=settings.most_waiting),
        Addresses(settings.address_rate_limit, processes=settings.processes),
    )
    limits = _limits(settings, modules, together, paid_work=runtime.paid_work)
    answers = Answers(settings.cache_max_bytes)
    turnstile = Turnstile(routes, admission, figures)
    edge = Edge(
        settings, runtime, traffic, figures, tokens, journal, routes, admission, addresses, limits, modules, together, answers, turnstile
    )
    app.state.edge = edge
    # a redirect to the path with or without its slash would be built from what the client says our name is
    app.router.redirect_slashes = False
    app.router.middleware_stack = Dispatch(app.router.middleware_stack)
    _surround(app, edge)


def _surround(app: FastAPI, edge: Edge) -> None:
    """Put the layers around an application: the last one added is the first to be passed."""
    settings, runtime, origins = edge.settings, edge.runtime, Origins(edge.settings.cors_origins)
    secrets = runtime.settings.rpc_secrets
    app.add_middleware(
        Gate,
        routes=edge.routes,
        admission=edge.admission,
        addresses=edge.addresses,
        authentication=Authentication(auth=lambda: _auth(runtime), tokens=edge.tokens, secrets=secrets, origins=origins),
        limits=edge.limits,
        drain=runtime.drain,
        layers=_of_some(edge),
    )
    app.add_middleware(
        Entrance,
        routes=edge.routes,
        journal=edge.journal,
        deadline_s=settings.deadline_s,
        framing=Framing(settings),
        cross_origin=CrossOrigin(origins),
        proxies=Proxies(settings.trusted_proxies),
        tls=runtime.settings.environment is Environment.PRODUCTION,
    )


def _of_some(edge: Edge) -> Sequence[Middleware]:
    """Return the layers that not every request passes, the outermost first."""
    settings, runtime = edge.settings, edge.runtime
    secret = cache(lambda: secret_of(settings, runtime.settings))
    once = Middleware(Idempotency, kept=lambda: _kept(runtime), secret=secret, settings=settings)
    return [*([once] if runtime.is_edge else []), Middleware(ResponseCache, answers=edge.answers), Middleware(JsonBodies)]


def _limits(
    settings: GatewaySettings, modules: Mapping[str, ModuleSettings], together: CountsTogether | None, *, paid_work: PaidWork
) -> Limits:
    return Limits(
        PlansSold(paid_work, otherwise=settings.default_plan),
        settings.limits_by_plan,
        {name: its.rate_limit for name, its in modules.items() if its.rate_limit is not None},
        sign_in=settings.sign_in_rate_limit,
        processes=settings.processes,
        together=together,
    )


def _together(settings: GatewaySettings, runtime: Runtime) -> CountsTogether | None:
    """Return what counts for all processes: the Redis that is named for it, or the one that carries the events."""
    url = settings.rates_url.get_secret_value() if settings.rates_url is not None else runtime.settings.events
    if url == MEMORY:
        return None
    from converto.gateway.redis_rates import RedisRates  # noqa: PLC0415 - an extra that only who has a Redis needs

    return RedisRates(url)


def _auth(runtime: Runtime) -> Auth | None:
    found: Any = runtime.interfaces.get(Auth)  # type: ignore[type-abstract]
    bound: Auth | None = found
    return bound


def _kept(runtime: Runtime) -> KeptAnswers | None:
    found: Any = runtime.interfaces.get(KeptAnswers)  # type: ignore[type-abstract]
    bound: KeptAnswers | None = found
    return bound


@asynccontextmanager
async def edge_running(app: FastAPI) -> AsyncIterator[None]:
    """Keep looking at the modules that live elsewhere, while the block runs; at its end nothing is left to tell."""
    edge: Edge = app.state.edge
    try:
        often = {name: its.health_every_s for name, its in edge.modules.items() if its.health_every_s is not None}
        async with watching(edge.runtime, every_s=edge.settings.health_every_s, of_module=often):
            yield
    finally:
        edge.journal.work_off()
        if edge.together is not None:
            await edge.together.close()
