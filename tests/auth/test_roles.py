import pytest

from converto.auth.roles import AREAS, SCOPES, Role, allows, scopes


def test_every_role_has_scopes() -> None:
    assert set(SCOPES) == set(Role)


def test_each_role_may_do_no_more_than_the_one_above_it() -> None:
    for above, below in [
        (Role.OWNER, Role.ADMIN),
        (Role.ADMIN, Role.ACCOUNTANT),
        (Role.ACCOUNTANT, Role.MEMBER),
        (Role.MEMBER, Role.VIEWER),
    ]:
        assert scopes(below) < scopes(above)


def test_an_owner_may_do_everything_in_every_module() -> None:
    assert {f"{area}:{deed}" for area in AREAS for deed in ("read", "write")} <= scopes(Role.OWNER)


def test_a_viewer_changes_nothing() -> None:
    assert not [scope for scope in scopes(Role.VIEWER) if scope.endswith(":write")]


@pytest.mark.parametrize(
    ("role", "scope", "allowed"),
    [
        (Role.ADMIN, "auth:owner", False),
        (Role.ADMIN, "billing:write", True),
        (Role.ACCOUNTANT, "vat:write", True),
        (Role.ACCOUNTANT, "billing:write", False),
        (Role.ACCOUNTANT, "auth:write", False),
        (Role.MEMBER, "ocr:write", True),
        (Role.MEMBER, "vat:write", False),
        (Role.VIEWER, "ocr:write", False),
        (Role.OWNER, "no:such", False),
    ],
)
def test_a_role_allows_what_the_table_says(role: Role, scope: str, *, allowed: bool) -> None:
    assert allows(role, scope) is allowed
