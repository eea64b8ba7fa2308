"""The body by which a person says what fields are."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from converto.ocr.document import PaymentMethod

Said = Annotated[str | None, Field(max_length=300)]
_AMOUNT = {"type": "string", "pattern": r"^-?[0-9]{1,10}(\.[0-9]{1,2})?$"}
_MONEY = {
    "type": "object",
    "properties": {"amount": _AMOUNT, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
    "required": ["amount"],
    "additionalProperties": False,
}
# checked by the reader alone: of two kinds pydantic would say of each why it is not that one
SaidAmount = Annotated[
    Any,
    WithJsonSchema({"anyOf": [_AMOUNT, _MONEY, {"type": "null"}], "description": "A text is in the document's own currency."}),
]


class FieldValues(BaseModel):
    """What fields are: one that is left out stays as it is, null says that the document has none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    vendor: Said = None
    business_id: Said = None
    vat_id: Said = None
    date: Said = None
    time: Said = None
    due_date: Said = None
    receipt_number: Said = None
    currency: Said = None
    total: SaidAmount = None
    net_total: SaidAmount = None
    vat_total: SaidAmount = None
    payment_method: PaymentMethod | None = None
    card_last4: Said = None
    iban: Said = None
    reference_number: Said = None
    address: Said = None
    category: Said = None
