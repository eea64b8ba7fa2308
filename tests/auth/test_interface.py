import pytest
from pydantic import ValidationError

from converto.auth.interface import Auth
from converto.auth.sign_in.interface import Registration
from converto.kernel.interface import operations
from tests.auth.conftest import PASSWORD


def test_what_a_person_types_shows_in_no_log() -> None:
    registration = Registration(email="a@example.fi", password=PASSWORD, full_name="A", company_name="B")

    assert PASSWORD.get_secret_value() not in f"{registration!r} {registration}"


NO_EMAILS = ["", "a", "a@", "@b.fi", "a@b", "a b@c.fi", "a@b..fi", "a@-b.fi", "a\n@b.fi", "ä@b.fi", "a@b.fi\x00", "\ud800@b.fi"]


@pytest.mark.parametrize("email", [*NO_EMAILS, "a" * 65 + "@b.fi", "a@" + "b" * 260 + ".fi"])
def test_what_is_no_email_is_refused(email: str) -> None:
    with pytest.raises(ValidationError):
        Registration(email=email, password=PASSWORD, full_name="A", company_name="B")


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\x00", "x" * 201, "\ud800", "a\u2028b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Registration(email="a@b.fi", password=PASSWORD, full_name=name, company_name="B")


def test_half_a_character_in_a_password_is_refused_before_it_is_hashed() -> None:
    with pytest.raises(ValidationError):
        Registration.model_validate({"email": "a@b.fi", "password": "\ud800" * 12, "full_name": "A", "company_name": "B"})


def test_the_interface_can_be_bound() -> None:
    assert {"register", "invite", "make_api_key", "audit", "authenticate", "key_set"} <= set(operations(Auth))
