from typing import Annotated, Any

import pytest
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from converto.kernel.written import WHOLE, WRITTEN_MOMENT, Day, Number, YesNo


class Form(BaseModel):
    whole: Annotated[int, Field(ge=1, le=9), WHOLE] = 1
    number: Number = 1
    yes: YesNo = False
    day: Day | None = None
    moment: Annotated[AwareDatetime, WRITTEN_MOMENT] | None = None


GOOD: list[tuple[str, Any]] = [
    ("whole", 5),
    ("whole", 5.0),
    ("number", 5),
    ("number", 0.5),
    ("yes", True),
    ("day", "2026-11-23"),
    ("moment", "2026-11-23T08:00:00Z"),
    ("moment", "2026-11-23T08:00:00.5+02:00"),
]
BAD: list[tuple[str, Any]] = [
    ("whole", "5"),
    ("whole", True),
    ("whole", 5.5),
    ("whole", 10),
    ("number", "5"),
    ("number", True),
    ("yes", 1),
    ("yes", "true"),
    ("day", 0),
    ("day", "0"),
    ("day", "2026-11-23T00:00:00Z"),
    ("day", "2026-02-30"),
    ("moment", 0),
    ("moment", "1700000000"),
    ("moment", "2026-11-23"),
    ("moment", "2026-11-23T08:00:00"),
]


@pytest.mark.parametrize(("name", "given"), GOOD, ids=repr)
def test_what_is_written_as_the_document_says_is_taken(name: str, given: Any) -> None:
    assert getattr(Form.model_validate({name: given}), name) is not None


@pytest.mark.parametrize(("name", "given"), BAD, ids=repr)
def test_what_is_written_otherwise_is_refused(name: str, given: Any) -> None:
    with pytest.raises(ValidationError):
        Form.model_validate({name: given})


def test_the_document_says_no_more_than_that() -> None:
    shape = Form.model_json_schema()["properties"]["whole"]
    assert shape == {"default": 1, "maximum": 9, "minimum": 1, "title": "Whole", "type": "integer"}
