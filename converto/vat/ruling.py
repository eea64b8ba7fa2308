"""Keeps the rules of companies about their suppliers."""

from collections.abc import Sequence
from uuid import UUID

from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database, Transaction
from converto.vat.interface import RuleIsThere, RuleNotProven, UnknownRule
from converto.vat.models import SupplierRuleRow
from converto.vat.repository import Rules
from converto.vat.supplier_rules import LEAST, LOOKED_AT, LearntRule, NewSupplierRule, SupplierRule, learnt
from converto.vat.validation import seller_id
from converto.vat.vouchers import Voucher


class Ruling:
    """Learns rules, tries them on what was booked, and switches them on and off."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rules(self, actor: Actor) -> Sequence[SupplierRule]:
        """Return the rules that are on, by supplier."""
        async with self._database.reading(actor.tenant_id) as session:
            return [rule_of(row) for row in await Rules(session).on(actor.tenant_id)]

    async def learnt(self, actor: Actor) -> Sequence[LearntRule]:
        """Return what approvals say of suppliers that have no rule yet."""
        async with self._database.reading(actor.tenant_id) as session:
            sellers = await Rules(session).without(actor.tenant_id, least=LEAST)
            return [await _learnt(session, actor.tenant_id, seller_id) for seller_id in sellers]

    async def switch_on(self, actor: Actor, given: NewSupplierRule) -> SupplierRule:
        """Use what approvals say of a supplier from now on."""
        async with self._database.writing(actor.tenant_id) as session:
            rules, seller = Rules(session), seller_id(given.seller_id)
            await rules.hold(actor.tenant_id)
            if await rules.of_seller(actor.tenant_id, seller) is not None:
                raise RuleIsThere(seller_id=seller)
            found = await _learnt(session, actor.tenant_id, seller)
            if not found.proven:
                tried = found.backtest
                raise RuleNotProven(seller_id=seller, vouchers=tried.vouchers, agreed=tried.agreed, differing=list(tried.differing))
            rule = SupplierRule(
                id=new_id(),
                **found.model_dump(exclude={"proven"}),
                approves=given.approves,
                most=given.most,
                switched_on_at=now(),
                switched_on_by=actor.user_id,
            )
            content = rule.model_dump(mode="json")
            rules.add(SupplierRuleRow(tenant_id=actor.tenant_id, id=rule.id, seller_id=rule.seller_id, ended_at=None, content=content))
        return rule

    async def switch_off(self, actor: Actor, rule_id: UUID) -> None:
        """Use a rule no more; that it was there is kept, for vouchers name it."""
        async with self._database.writing(actor.tenant_id) as session:
            row = await Rules(session).get(actor.tenant_id, rule_id)
            if row is None or row.ended_at is not None:
                raise UnknownRule(rule_id=rule_id)
            row.ended_at = now()


def rule_of(row: SupplierRuleRow) -> SupplierRule:
    """Return a rule as it was kept."""
    return SupplierRule.model_validate(row.content).model_copy(update={"switched_off_at": row.ended_at})


async def rule_for(session: Transaction, tenant_id: UUID, seller: str | None) -> SupplierRule | None:
    """Return the rule about a supplier that is on."""
    row = None if seller is None else await Rules(session).of_seller(tenant_id, seller)
    return None if row is None else rule_of(row)


async def _learnt(session: Transaction, tenant_id: UUID, seller: str) -> LearntRule:
    rows = await Rules(session).history(tenant_id, seller, limit=LOOKED_AT)
    return learnt(seller, [Voucher.model_validate(row.content) for row in rows])
