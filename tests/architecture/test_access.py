from pathlib import Path

import pytest
from fastapi import FastAPI

from converto.app import create_app
from converto.auth.roles import SCOPES
from converto.commands.access import page
from converto.gateway.access import TABLE
from converto.gateway.routes import Routes
from converto.kernel.access import CLOSED, Admission
from converto.kernel.config import Environment, Settings
from converto.kernel.service_token import OF_BILLING
from converto.kernel.service_token import SCOPES as SERVICE_SCOPES
from converto.modules import installed

GIVEN = frozenset().union(*SCOPES.values()) | frozenset(SERVICE_SCOPES) | frozenset(OF_BILLING)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data"), environment=Environment.TEST))


@pytest.fixture(scope="module")
def routes(app: FastAPI) -> Routes:
    found: Routes = app.state.edge.routes
    return found


def test_every_route_stands_in_the_access_table(routes: Routes) -> None:
    assert [route for route, access in routes.entries().items() if access.scope == CLOSED] == []


def test_every_entry_of_the_access_table_has_its_route(routes: Routes) -> None:
    assert set(TABLE) - set(routes.entries()) == set()


@pytest.mark.parametrize("route", TABLE)
def test_every_scope_that_a_route_needs_is_given_to_somebody(route: str) -> None:
    access = TABLE[route]
    assert not access.needs_actor or access.scope is None or access.scope in GIVEN


@pytest.mark.parametrize("route", [route for route, access in TABLE.items() if access.cache_s])
def test_only_what_reads_is_cached(route: str) -> None:
    assert route.startswith("GET ")


@pytest.mark.parametrize("route", [route for route, access in TABLE.items() if access.creates])
def test_only_what_is_posted_creates(route: str) -> None:
    assert route.startswith("POST ")


@pytest.mark.parametrize("route", [route for route, access in TABLE.items() if access.admission is Admission.HEALTH])
def test_only_looks_are_in_the_class_that_is_never_short(route: str) -> None:
    assert route.startswith("GET ")


def test_the_page_of_the_access_table_is_the_table() -> None:
    written = (Path(__file__).parents[2] / "docs" / "access.md").read_text()
    assert written == page(installed()), "run `converto access > docs/access.md`"
    assert len([line for line in written.splitlines() if line.startswith("| `")]) == len(TABLE)


def test_the_openapi_document_says_who_may(app: FastAPI, routes: Routes) -> None:
    paths = app.openapi()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            access = routes.entries()[f"{method.upper()} {path}"]
            assert operation.get("x-scope") == (access.scope if access.needs_actor else None)
            assert ({"HTTPBearer": []} in operation.get("security", [])) == access.needs_actor
