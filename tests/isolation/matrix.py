"""The matrix of isolation: each route, asked by each role of one company for what is another's, in each way that there is."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2

from converto.auth.roles import Role
from converto.kernel.service_token import OF_BILLING
from tests.isolation.requests import Operation, operations
from tests.isolation.town import Somebody, Town

PARAMETERS_OF_NOBODY = {"name": "google", "asset": "swagger.js", "period": "2026-01", "box": "301", "feature": "seats"}
"""Parameters of paths that name nothing of a company's."""
ENDLESS = ("/events/subscriptions/{subscription_id}/events",)
"""Routes that answer whom they let in for as long as they listen."""
OTHERS = {"x-tenant-id": "tenant_id", "x-user-id": "user_id", "x-company-id": "company_id"}


@dataclass
class Finding:
    """A route that told somebody, or let them change, what is another's."""

    route: str
    way: str
    role: str
    what: str


@dataclass
class Report:
    """What came of a matrix."""

    routes: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[int] = field(default_factory=Counter)

    @property
    def covered(self) -> float:
        """The share of the routes that were asked, and shown to answer whoever has the thing."""
        return 1 - len(self.left_out) / len(self.routes)

    def leaking(self) -> set[str]:
        """Return the routes with findings."""
        return {finding.route for finding in self.findings}

    def __str__(self) -> str:
        """Return it for eyes."""
        ways = ", ".join(f"{way} {times}" for way, times in sorted(self.asked.items()))
        head = f"{len(self.routes)} routes, {self.covered:.1%} covered; {self.asked.total()} requests ({ways})"
        lines = [f"left out: {route}: {reason}" for route, reason in sorted(self.left_out.items())]
        return "\n".join([head, *lines, *(str(finding) for finding in self.findings)])


class Matrix:
    """Asks; everything that it asks with is new to the company that it asks of."""

    def __init__(self, town: Town, *, roles: Sequence[Role] = tuple(Role), thorough: bool = False) -> None:
        self._town = town
        self._roles = roles
        self._thorough = thorough
        self._foreign = town.things | PARAMETERS_OF_NOBODY
        self.report = Report()

    async def run(self) -> Report:
        """Ask every route."""
        town = self._town
        others = await town.company("Muu Oy")
        self._people = {role: await town.member(others, role) for role in self._roles}
        self._program = await town.key(await town.member(others, Role.OWNER))
        self._kept = await town.kept()
        routes = list(operations(town.app.openapi()))
        self.report.routes = [route.name for route in routes]
        for route in routes:
            missing = [name for name in route.parameters("path") if name not in self._foreign]
            if missing:
                self.report.left_out[route.name] = f"nothing is made that {', '.join(missing)} could name"
            else:
                await self._attack(route)
        for route in routes:  # afterwards, for it changes, and takes away, what is asked for
            if "Idempotency-Key" in route.parameters("header"):
                await self._replay(route)
        for route in routes:
            if route.name not in self.report.left_out:
                await self._control(route)
        return self.report

    async def _attack(self, route: Operation) -> None:
        known = await self._owners_answer(route)
        for role in self._roles if route.scope else self._roles[:1]:
            await self._ask(route, "path", self._people[role], params=route.query(self._foreign), headers=self._claims())
            if route.takes_json:
                ids = {name: self._foreign[name] for name in ("tenant_id", "user_id", "company_id")}
                await self._ask(route, "body", self._people[role], body=ids)
            if known is not None and (self._thorough or role is self._roles[0]):
                tag = known.headers.get("etag", "")
                await self._ask(route, "cached", self._people[role], headers={"if-none-match": tag} if tag else {})
        await self._ask(route, "API key", self._program, params=route.query(self._foreign), headers=self._claims())
        await self._unknown(route)
        if route.method != "GET":
            before, self._kept = self._kept, await self._town.kept()
            if changed := [table for table, rows in self._kept.items() if rows != before[table]]:
                self._found(route, "any", "any", f"changed {', '.join(changed)}")

    def _claims(self) -> dict[str, str]:
        return {header: self._foreign[name] for header, name in OTHERS.items()}

    async def _owners_answer(self, route: Operation) -> httpx2.Response | None:
        """Have the one whose things they are ask first, so that an answer that is kept could be given to another."""
        if route.method != "GET" or route.path in ENDLESS:
            return None
        return await self._town.ask(self._town.owner, "GET", route.url(self._foreign))

    async def _ask(
        self, route: Operation, way: str, who: Somebody, *, body: Mapping[str, Any] | None = None, **given: Any
    ) -> httpx2.Response:
        content = route.body(self._foreign, **(body or {}))
        url = route.url(self._foreign)
        answer = await self._town.ask(who, route.method, url, **content, **given)
        if route.scope and _is_signed_out(answer):  # what they asked before has ended their session
            who = self._people[Role(who.role)] = await self._town.member(who.tenant_id, Role(who.role))
            answer = await self._town.ask(who, route.method, url, **content, **given)
        self.report.asked[way] += 1
        self.report.answered[answer.status_code] += 1
        sent = json.dumps([url, str(content.get("json")), str(given)])
        told = self._town.leaked(answer, sent)
        if told:
            self._found(route, way, who.role, f"told {', '.join(sorted(told))[:200]}")
        if self._is_foreign(route) and answer.status_code < 400:
            self._found(route, way, who.role, f"answered {answer.status_code} for what is another's")
        if route.scope and _is_signed_out(answer):
            msg = f"{route.name} was asked by somebody who is not signed in any more"
            raise AssertionError(msg)
        if answer.status_code >= 500:
            self._found(route, way, who.role, f"failed with {answer.status_code}")
        return answer

    def _is_foreign(self, route: Operation) -> bool:
        return any(name not in {*PARAMETERS_OF_NOBODY, "page", "consumer_name"} for name in route.parameters("path"))

    async def _replay(self, route: Operation) -> None:
        """Have both companies send the same under the same Idempotency-Key: neither is given the other's answer."""
        headers, content = {"idempotency-key": str(uuid4())}, route.body(self._foreign)
        theirs = await self._town.ask(self._town.owner, route.method, route.url(self._foreign), headers=headers, **content)
        mine = await self._ask(route, "same key", self._people[self._roles[0]], headers=headers)
        if theirs.is_success and (mine.text == theirs.text or "idempotent-replayed" in mine.headers):
            self._found(route, "same key", self._roles[0].value, "was given the other company's answer")

    async def _unknown(self, route: Operation) -> None:
        """Compare the answers for what is another's and for what is nobody's: they must not tell which of the two it is."""
        if not self._is_foreign(route):
            return
        nobodys = self._foreign | {name: str(uuid4()) for name, value in self._town.things.items() if len(value) == len(str(uuid4()))}
        answers = []
        for things in (self._foreign, nobodys):
            who = await self._town.member(self._people[self._roles[0]].tenant_id, self._roles[0])
            answer = await self._town.ask(who, route.method, route.url(things), **route.body(things))
            answers.append((answer.status_code, answer.json().get("code") if answer.status_code >= 400 else None))
        self.report.asked["unknown"] += 1
        if answers[0] != answers[1]:
            self._found(route, "unknown", self._roles[0].value, f"tells what there is: {answers[0]} and {answers[1]}")

    async def _control(self, route: Operation) -> None:
        """Show that the ids are good: whoever has the thing is answered. What is known to be no id need not be shown."""
        if not self._is_foreign(route) or route.path in ENDLESS:
            return
        town, owner = self._town, self._town.owner
        owner = await town.signed_in(owner.tenant_id, owner.user_id, Role.OWNER)  # another route may have ended the session
        answer = await town.ask(
            town.operator() if route.scope in OF_BILLING else owner, route.method, route.url(self._foreign), **route.body(self._foreign)
        )
        if answer.status_code >= 400 and answer.status_code != 409:  # it is there, but stands otherwise
            self.report.left_out[route.name] = f"its owner was answered {answer.status_code}, too: {answer.text[:120]}"

    def _found(self, route: Operation, way: str, role: str, what: str) -> None:
        self.report.findings.append(Finding(route.name, way, role, what))


def _is_signed_out(answer: httpx2.Response) -> bool:
    return answer.status_code == 401 and answer.json()["code"] == "auth.invalid_token"
