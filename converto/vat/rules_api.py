"""Rules about suppliers, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from converto.kernel.web import CurrentActor, problems, the
from converto.vat.interface import RuleIsThere, RuleNotProven, UnknownRule, Vat
from converto.vat.supplier_rules import LearntRule, NewSupplierRule, SupplierRule

router = APIRouter(prefix="/supplier-rules")

TheVat = Annotated[Vat, Depends(the(Vat))]
RuleId = Annotated[UUID, Path(description="The rule.")]


class RuleList(BaseModel):
    """The rules that are on, by supplier."""

    items: list[SupplierRule]
    next_cursor: None = None


class LearntList(BaseModel):
    """What approvals say of suppliers that have no rule yet."""

    items: list[LearntRule]
    next_cursor: None = None


@router.get("")
async def supplier_rules(vat: TheVat, actor: CurrentActor) -> RuleList:
    """Return the rules about suppliers that are on."""
    return RuleList(items=list(await vat.supplier_rules(actor)))


@router.get("/learnt")
async def learnt_rules(vat: TheVat, actor: CurrentActor) -> LearntList:
    """Return what the company's own approvals say of suppliers, each tried on what was booked before; nothing of it is used yet."""
    return LearntList(items=list(await vat.learnt_rules(actor)))


@router.post("", status_code=201, responses=problems(RuleIsThere, RuleNotProven))
async def switch_on_rule(vat: TheVat, actor: CurrentActor, request: Request, response: Response, *, given: NewSupplierRule) -> SupplierRule:
    """Use what approvals say of a supplier from now on: only where it agrees with everything that was booked before."""
    rule = await vat.switch_on_rule(actor, given)
    response.headers["location"] = str(request.app.url_path_for("supplier_rules"))
    return rule


@router.delete("/{rule_id}", status_code=204, responses=problems(UnknownRule))
async def switch_off_rule(vat: TheVat, actor: CurrentActor, rule_id: RuleId) -> None:
    """Use a rule no more."""
    await vat.switch_off_rule(actor, rule_id)
