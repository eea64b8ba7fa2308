import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from converto.auth.audit.models import AuditRow
from converto.auth.factors.ceremonies import party
from converto.auth.factors.interface import Assertion, BadPasskey, NewPasskey, Passkey, UnknownPasskey, WrongPasskey
from converto.auth.factors.models import ChallengeRow, PasskeyRow
from converto.auth.models import SessionRow, UserRow
from converto.kernel.clock import now
from tests.auth.conftest import CLIENT, House
from tests.auth.factors.authenticator import PRESENT, VERIFIED, Authenticator, decoded, encoded
from tests.auth.factors.codes import everywhere
from tests.auth.factors.conftest import Someone


async def added(house: House, person: Someone, device: Authenticator) -> Passkey:
    options = (await house.auth.passkey_options(person.actor)).public_key
    return await house.auth.add_passkey(person.actor, NewPasskey(name="A test's device", credential=device.made(options)))


async def asked(house: House) -> dict[str, Any]:
    return (await house.auth.passkey_sign_in_options()).public_key


def changed(assertion: Assertion, **response: str | None) -> Assertion:
    return assertion.model_copy(update={"response": assertion.response.model_copy(update=response)})


@everywhere
async def test_a_passkey_signs_its_owner_in_and_counts_as_two_factors(house: House, aino: Someone) -> None:
    device = Authenticator()
    kept = await added(house, aino, device)

    signed_in = await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)

    actor = await house.auth.authenticate(signed_in.access_token)
    assert (actor.user_id, actor.tenant_id) == (aino.actor.user_id, aino.actor.tenant_id)
    async with house.database.reading() as session:
        row = await session.scalar(select(SessionRow).where(SessionRow.id == actor.session_id))
    assert row is not None
    assert row.methods == "hwk mfa"
    (shown,) = (await house.auth.passkeys(aino.actor)).items
    assert (shown.id, shown.name, shown.is_synced) == (kept.id, "A test's device", False)
    assert shown.last_used_at is not None


async def test_the_options_ask_for_a_key_that_knows_whose_it_is_and_a_device_that_checks_who_holds_it(house: House, aino: Someone) -> None:
    options = (await house.auth.passkey_options(aino.actor)).public_key

    assert options["rp"] == {"id": "localhost", "name": "Converto"}
    assert options["authenticatorSelection"] == {"residentKey": "required", "requireResidentKey": True, "userVerification": "required"}
    assert options["attestation"] == "none"
    assert len(decoded(options["challenge"])) == 32


async def test_a_device_that_has_a_passkey_is_asked_for_no_second_one(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)

    options = (await house.auth.passkey_options(aino.actor)).public_key

    assert options["excludeCredentials"] == [{"type": "public-key", "id": encoded(device.credential_id)}]


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "http://localhost:8001"},
        {"origin": "https://localhost:8000"},
        {"origin": "http://localhost:8000.evil.example"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"kind": "webauthn.get"},
        {"algorithm": -65535},
        {"algorithm": -37},
        {"algorithm": 0},
        {"format": "android-safetynet"},
        {"format": "tpm"},
        {"format": "unheard-of"},
        {"more": {"crossOrigin": True}},
        {"more": {"topOrigin": "https://evil.example"}},
    ],
    ids=str,
)
async def test_a_new_passkey_that_lies_is_refused(house: House, aino: Someone, lie: dict[str, Any]) -> None:
    with pytest.raises(BadPasskey):
        await added(house, aino, Authenticator(**lie))

    assert not (await house.auth.passkeys(aino.actor)).items


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "http://localhost:8001"},
        {"origin": "https://localhost"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": 0},
        {"kind": "webauthn.create"},
        {"more": {"crossOrigin": True}},
        {"more": {"crossOrigin": "false"}},
        {"more": {"topOrigin": "http://localhost:8000"}},
    ],
    ids=str,
)
async def test_a_sign_in_that_lies_is_refused(house: House, aino: Someone, lie: dict[str, Any]) -> None:
    device = Authenticator()
    await added(house, aino, device)
    for name, value in lie.items():
        setattr(device, name, value)

    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)


@everywhere
async def test_an_answer_counts_once(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)
    options = await asked(house)
    answer = device.signed(options)
    await house.auth.sign_in_by_passkey(answer, CLIENT)

    for replayed in (answer, device.signed(options)):
        with pytest.raises(WrongPasskey):
            await house.auth.sign_in_by_passkey(replayed, CLIENT)


async def test_a_challenge_is_spent_by_a_wrong_answer_too(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)
    options = await asked(house)
    good = device.signed(options)
    refused, came_in = house.sign_ins("passkey"), house.sign_ins("signed_in")

    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(changed(good, signature=encoded(bytes(70))), CLIENT)
    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(good, CLIENT)
    assert house.sign_ins("passkey") == refused + 2

    await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)
    assert house.sign_ins("passkey") == refused + 2
    assert house.sign_ins("signed_in") == came_in + 1


async def test_a_challenge_of_our_own_making_is_refused(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)

    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(device.signed({**await asked(house), "challenge": encoded(bytes(32))}), CLIENT)


async def test_a_challenge_is_good_for_five_minutes(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)
    options = await asked(house)
    async with house.database.writing() as session:
        await session.execute(update(ChallengeRow).values(ends_at=now() - timedelta(seconds=1)))

    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(device.signed(options), CLIENT)


async def test_a_challenge_for_one_thing_answers_no_other(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)
    step_up = (await house.auth.step_up_options(aino.actor)).public_key
    register = (await house.auth.passkey_options(aino.actor)).public_key

    for options in (step_up, {**register, "rpId": "localhost"}):
        with pytest.raises(WrongPasskey):
            await house.auth.sign_in_by_passkey(device.signed(options), CLIENT)


async def test_another_session_cannot_use_a_challenge(house: House, aino: Someone, boris: Someone) -> None:
    options = (await house.auth.passkey_options(aino.actor)).public_key

    with pytest.raises(BadPasskey):
        await house.auth.add_passkey(boris.actor, NewPasskey(credential=Authenticator().made(options)))


@pytest.mark.parametrize("count", [5, 4, 0])
async def test_a_device_whose_counter_does_not_go_up_is_refused(house: House, aino: Someone, count: int) -> None:
    device = Authenticator(sign_count=4)
    await added(house, aino, device)
    await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)

    device.sign_count = count - 1
    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)

    async with house.database.reading() as session:
        mine = select(AuditRow.facts).where(AuditRow.tenant_id == aino.actor.tenant_id, AuditRow.action == "auth.sign_in_failed")
        assert (await session.scalars(mine)).all() == [{"what": "passkey"}]


async def test_a_device_that_does_not_count_is_taken(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)

    for _ in range(2):
        device.sign_count = -1
        await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)


async def test_another_persons_name_on_a_signature_is_refused(house: House, aino: Someone, boris: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)

    assert boris.actor.user_id is not None
    for whose in (boris.actor.user_id.bytes, b"nobody"):
        with pytest.raises(WrongPasskey):
            await house.auth.sign_in_by_passkey(device.signed(await asked(house), user_handle=whose), CLIENT)


async def test_another_persons_passkey_cannot_be_claimed_by_its_name(house: House, aino: Someone, boris: Someone) -> None:
    hers, his = Authenticator(), Authenticator()
    await added(house, aino, hers)
    await added(house, boris, his)

    his.credential_id, his.user_handle = hers.credential_id, hers.user_handle
    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(his.signed(await asked(house)), CLIENT)


async def test_a_passkey_that_somebody_has_is_not_registered_again(house: House, aino: Someone, boris: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)

    with pytest.raises(Exception, match="registered already"):
        await added(house, boris, device)


async def test_answers_that_are_none_are_refused(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)
    good = device.signed(await asked(house))

    not_json, no_object, deep = encoded(b"{"), encoded(b"[]"), encoded(b"[" * 8000)
    no_challenge = encoded(json.dumps({"type": "webauthn.get"}).encode())
    for client_data in (not_json, no_object, deep, no_challenge, encoded(b"\xff\xfe"), "A"):
        with pytest.raises(WrongPasskey):
            await house.auth.sign_in_by_passkey(changed(good, clientDataJSON=client_data), CLIENT)
    for broken in ({"signature": "A"}, {"authenticatorData": "AAAA"}, {"userHandle": None}):
        with pytest.raises(WrongPasskey):
            await house.auth.sign_in_by_passkey(changed(device.signed(await asked(house)), **broken), CLIENT)


async def test_hostile_attestations_are_refused(house: House, aino: Someone) -> None:
    for attestation in (b"", b"\xff" * 64, b"\x81" * 4096, b"\xbf" * 4096, b"\xa0", b"\xd9\xd9\xf7" * 2000, b"\x9b" + b"\xff" * 8):
        options = (await house.auth.passkey_options(aino.actor)).public_key
        made = Authenticator().made(options)
        response = made.response.model_copy(update={"attestationObject": encoded(attestation) or "A"})
        with pytest.raises(BadPasskey):
            await house.auth.add_passkey(aino.actor, NewPasskey(credential=made.model_copy(update={"response": response})))


async def test_a_removed_passkey_is_taken_no_longer(house: House, aino: Someone) -> None:
    device = Authenticator()
    kept = await added(house, aino, device)

    await house.auth.remove_passkey(aino.actor, kept.id)

    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)


async def test_another_persons_passkey_is_neither_seen_nor_removed(house: House, aino: Someone, boris: Someone) -> None:
    kept = await added(house, aino, Authenticator())

    assert not (await house.auth.passkeys(boris.actor)).items
    with pytest.raises(UnknownPasskey):
        await house.auth.remove_passkey(boris.actor, kept.id)


async def test_a_disabled_person_does_not_come_in_by_passkey(house: House, aino: Someone) -> None:
    device = Authenticator()
    await added(house, aino, device)
    async with house.database.writing() as session:
        await session.execute(update(UserRow).where(UserRow.id == aino.actor.user_id).values(disabled_at=now()))

    with pytest.raises(WrongPasskey):
        await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)


async def test_passkeys_are_in_the_audit_log(house: House, aino: Someone) -> None:
    device = Authenticator()
    kept = await added(house, aino, device)
    await house.auth.sign_in_by_passkey(device.signed(await asked(house)), CLIENT)
    await house.auth.remove_passkey(aino.actor, kept.id)

    async with house.database.reading() as session:
        mine = select(AuditRow.action).where(AuditRow.tenant_id == aino.actor.tenant_id).order_by(AuditRow.number)
        noted = (await session.scalars(mine)).all()
    assert [*noted][-3:] == ["auth.passkey_added", "auth.signed_in", "auth.passkey_removed"]


async def test_no_challenge_lies_open_in_the_database(house: House) -> None:
    challenge = decoded((await asked(house))["challenge"])

    async with house.database.reading() as session:
        kept = (await session.scalars(select(ChallengeRow.challenge_hash))).all()
        public = (await session.scalars(select(PasskeyRow.public_key))).all()
    assert challenge not in kept
    assert challenge not in public


def test_passkeys_belong_to_the_public_name() -> None:
    public = party("Converto", "https://app.example.fi:8443/converto", rp_id=None, origins=())
    above = party("Converto", "https://app.example.fi", rp_id="example.fi", origins=("https://app.example.fi", "https://example.fi"))
    own = party("Converto", "http://127.0.0.1:8000", rp_id=None, origins=())

    assert (public.id, public.origins) == ("app.example.fi", ("https://app.example.fi:8443",))
    assert (above.id, above.origins) == ("example.fi", ("https://app.example.fi", "https://example.fi"))
    assert replace(own, name="") == replace(party("", "http://localhost:8000", rp_id=None, origins=()), name="")
