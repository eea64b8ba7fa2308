from pathlib import Path

from tests.ai.house import opened, somebody
from tests.ai.mixed import mixed


async def test_the_ledger_is_what_the_provider_charges_to_the_nano_dollar(tmp_path: Path) -> None:
    aino = somebody()
    async with opened(tmp_path, CONVERTO_AI_COOLDOWN_S="0.05") as house:
        books = await mixed(house, aino, 400)
        assert (books.ledger_nano, books.rows) == (books.truth_nano, books.calls)
        assert (books.unpriced, books.unmarked) == (0, 0)
        assert books.outcomes.keys() >= {"ok", "left", "truncated", "rate_limited", "server_error"}
        standing = await house.spending(aino)
        assert standing.reserved_nano == 0
        assert standing.spent_nano == sum(row.cost_nano for row in await house.calls() if row.tenant_id == aino.tenant_id)
