from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, MetaData, Table, create_engine, insert, select, text

from converto.kernel.columns import SealedMoment

AT = datetime(2026, 11, 23, 21, 56, 24, 654203, tzinfo=UTC)


@pytest.mark.parametrize("other", ["T", "(", "0"])
def test_a_sealed_moment_is_not_read_from_other_text_that_says_the_same(other: str) -> None:
    kept = Table("kept", MetaData(), Column("at", SealedMoment))
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        kept.create(connection)
        connection.execute(insert(kept).values(at=AT))
        assert connection.scalar(select(kept.c.at)) == AT

        connection.execute(text("UPDATE kept SET at = REPLACE(at, ' ', :other)"), {"other": other})

        with pytest.raises(ValueError, match="parse"):
            connection.scalar(select(kept.c.at))
    engine.dispose()
