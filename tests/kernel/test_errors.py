import subprocess
import sys
from decimal import Decimal
from uuid import UUID

import pytest

from converto.kernel.errors import Conflict, Error, Forbidden, Gone, Internal, Limited, NotFound, WireError, codes, from_wire, to_wire
from tests.architecture.source import program_modules
from tests.kernel.echo import NoParcel

TWINS = """
from converto.kernel.errors import NotFound, codes
class One(NotFound): code = "twin"
class Two(NotFound): code = "twin"
codes()
"""


def test_no_two_errors_of_the_program_share_a_code() -> None:
    assert len(list(program_modules())) > 50
    assert all(kind.code == code for code, kind in codes().items())


def test_two_errors_with_one_code_are_refused() -> None:
    done = subprocess.run([sys.executable, "-c", TWINS], capture_output=True, text=True, check=False)
    assert "TypeError: One and Two share the code twin" in done.stderr


def test_an_error_comes_back_from_the_wire_as_it_was() -> None:
    error = NoParcel(parcel_id=UUID(int=7), price=Decimal("1.10"))
    again = from_wire(WireError.model_validate_json(to_wire(error).model_dump_json()))
    assert (type(again), again.details, again.detail) == (NoParcel, error.details, error.detail)


def test_the_details_of_an_error_are_as_json_says_them() -> None:
    assert NoParcel(parcel_id=UUID(int=7), shelves=(1, 2), content=b"\xff").details == {
        "parcel_id": "00000000-0000-0000-0000-000000000007",
        "shelves": [1, 2],
        "content": "_w==",
    }


@pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (409, Conflict), (410, Gone), (418, Internal), (500, Internal)])
def test_an_unknown_code_becomes_the_kind_of_its_status(status: int, kind: type[Error]) -> None:
    error = from_wire(WireError(code="of.next_year", status=status, detail="So it is.", details={"a": 1}))
    assert (type(error), error.code, error.detail, error.details) == (kind, "of.next_year", "So it is.", {"a": 1})


def test_an_error_of_an_unknown_code_leaves_its_kind_as_it_was() -> None:
    from_wire(WireError(code="of.next_year", status=409, detail=""))
    assert Conflict().code == "conflict"


def test_a_message_that_lacks_a_detail_shows_its_name_and_does_not_fail() -> None:
    assert NoParcel().detail == "There is no parcel {parcel_id}."


def test_an_error_says_when_to_come_back_where_that_is_known() -> None:
    assert (Limited(retry_after_s=3).retry_after_s, NotFound().retry_after_s) == (3, None)
