"""What schemathesis is told of Converto: who asks, what is there to ask for, and which refusals of well-formed requests are right."""

import itertools
import json
import os
from datetime import UTC, datetime
from typing import Any

import httpx2
import schemathesis
from hypothesis import strategies
from schemathesis.checks import load_all_checks

URL = os.environ["CONVERTO_TRIAL_URL"]
THINGS: dict[str, str] = json.loads(os.environ["CONVERTO_TRIAL_THINGS"])
"""Ids of what is there, by the name of the path's parameter."""
PASSWORD = "kolme vihreää tuolia 81"
LASTING = os.environ["CONVERTO_TRIAL_TOKEN"]
"""The access token of somebody who has all that is there."""
ENDS_ITS_SESSION = ("/auth/logout", "/auth/me", "/auth/password/", "/auth/sessions", "/auth/companies/")
"""Where these paths are changed, somebody new asks each time: afterwards they may have no session, or no company."""
TAKES_AWAY = "DELETE"
_numbers = itertools.count()
load_all_checks()


def registered() -> str:
    """Return the access token of somebody new."""
    given = {
        "email": f"person-{os.getpid()}-{next(_numbers)}@example.fi",
        "password": PASSWORD,
        "full_name": "Aino Niemi",
        "company_name": "Lumo Oy",
    }
    answer = httpx2.post(f"{URL}/auth/register", json=given, timeout=30, trust_env=False)
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


@schemathesis.auth(refresh_interval=None)
class Somebody:
    """Signs requests in."""

    def get(self, case: Any, _: Any) -> str:
        operation = case.operation
        if operation.method.upper() != "GET" and operation.path.startswith(ENDS_ITS_SESSION):
            return registered()
        return LASTING

    def set(self, case: Any, data: str, _: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """Ask for what is there, every other time, where it is not taken away."""
    if context.operation.method.upper() == TAKES_AWAY or next(_numbers) % 2 or context.operation.path.endswith("}/events"):
        return path_parameters
    return {name: THINGS.get(name, value) for name, value in (path_parameters or {}).items()}


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    """Wait for nothing."""
    wait = str((case.query or {}).get("wait"))
    if wait.replace(".", "", 1).isdigit() and 0 < float(wait) <= 25:
        case.query["wait"] = 0


@schemathesis.hook
def filter_failure(_: Any, failure: Any, case: Any, response: Any) -> bool:
    """Take a refusal of a well-formed request for right where the document names its very code.

    A schema cannot say that a cursor was given by the list, or that a file is a picture. `invalid_request` is never such a code.
    And what was to be refused for its path alone is right where `map_path_parameters` has put ids of what is there into that.
    """
    if type(failure).__name__ == "AcceptedNegativeData" and " in path" in str(failure) and " in query" not in str(failure):
        return any(THINGS.get(name) != value for name, value in (case.path_parameters or {}).items())
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        code = json.loads(response.content).get("code")
    except ValueError:
        return True
    documented = case.operation.definition.raw["responses"].get(str(response.status_code), {}).get("description", "")
    return code == "invalid_request" or code not in documented.split(", ")


TIMES = strategies.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=strategies.just(UTC))  # noqa: DTZ001 - the zone is added
schemathesis.openapi.format("date-time", TIMES.map(datetime.isoformat))
"""Between the years that are taken, which a schema cannot name."""
schemathesis.openapi.format("business-id", strategies.sampled_from(["2077474-0", ""]))
"""With the right check digit, which a schema cannot reckon."""
schemathesis.openapi.format("network", strategies.sampled_from(["192.0.2.7", "198.51.100.0/24", "2001:db8::/32"]))
