"""What letters say, in Finnish and in English."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Final
from uuid import UUID

from converto.auth.letters.order import Kind, Language, Order
from converto.kernel.mail import Letter


@dataclass(frozen=True, slots=True)
class Text:
    """One kind of letter in one language; names in braces are filled in."""

    subject: str
    body: tuple[str, ...]
    """Paragraphs; the link stands after the first."""
    button: str = ""


PAGES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "verify_email": "/verify-email",
        "confirm_email": "/verify-email",
        "reset_password": "/reset-password",
        "invitation": "/invitation",
    }
)
"""Where a letter's link leads. What it carries stands behind `#`: no server and no log on the way ever sees it."""
_IF_NOT_YOU_FI = "Jos tämä et ollut sinä, vaihda salasanasi heti ja kirjaudu ulos kaikkialta."
_IF_NOT_YOU_EN = "If this was not you, change your password at once and sign out everywhere."
_GREETING: Final[Mapping[Language, str]] = MappingProxyType({"fi": "Hei {name},", "en": "Hello {name},"})

TEXTS: Final[Mapping[Kind, Mapping[Language, Text]]] = MappingProxyType(
    {
        "verify_email": {
            "fi": Text(
                "Vahvista sähköpostiosoitteesi",
                (
                    "vahvista, että tämä osoite on sinun. Linkki toimii kerran, 24 tunnin ajan.",
                    "Jos et ole avannut tiliä Convertoon, tästä viestistä ei tarvitse välittää.",
                ),
                "Vahvista osoite",
            ),
            "en": Text(
                "Confirm your e-mail address",
                (
                    "please confirm that this address is yours. The link works once, for 24 hours.",
                    "If you have not opened an account with Converto, you can ignore this message.",
                ),
                "Confirm the address",
            ),
        },
        "confirm_email": {
            "fi": Text(
                "Vahvista uusi sähköpostiosoitteesi",
                (
                    "tähän osoitteeseen halutaan vaihtaa tilisi sähköposti. Linkki toimii kerran, 24 tunnin ajan.",
                    "Jos et ole pyytänyt vaihtoa, älä avaa linkkiä.",
                ),
                "Ota osoite käyttöön",
            ),
            "en": Text(
                "Confirm your new e-mail address",
                (
                    "your account is to be moved to this address. The link works once, for 24 hours.",
                    "If you have not asked for this, do not open the link.",
                ),
                "Use this address",
            ),
        },
        "email_change_asked": {
            "fi": Text("Sähköpostiosoitteesi halutaan vaihtaa", ("tilisi osoitteeksi on pyydetty {email}.", _IF_NOT_YOU_FI)),
            "en": Text("Your e-mail address is about to change", ("{email} was asked for as your account's new address.", _IF_NOT_YOU_EN)),
        },
        "email_changed": {
            "fi": Text(
                "Sähköpostiosoitteesi on vaihdettu",
                (
                    "tilisi osoite on nyt {email}. Tähän osoitteeseen ei enää lähetetä viestejä.",
                    "Jos tämä et ollut sinä, ota heti yhteyttä.",
                ),
            ),
            "en": Text(
                "Your e-mail address has changed",
                ("your account's address is now {email}. Nothing more is sent to this one.", "If this was not you, contact us at once."),
            ),
        },
        "reset_password": {
            "fi": Text(
                "Aseta uusi salasana",
                (
                    "tilillesi pyydettiin uutta salasanaa. Linkki toimii kerran, 30 minuutin ajan.",
                    "Jos et ole pyytänyt sitä, tästä viestistä ei tarvitse välittää: vanha salasana on voimassa.",
                ),
                "Aseta salasana",
            ),
            "en": Text(
                "Set a new password",
                (
                    "a new password was asked for your account. The link works once, for 30 minutes.",
                    "If you have not asked for it, you can ignore this message: your old password still holds.",
                ),
                "Set a password",
            ),
        },
        "password_changed": {
            "fi": Text(
                "Salasanasi on vaihdettu",
                ("tilisi salasana vaihdettiin {at}. Muut istunnot on suljettu.", "Jos tämä et ollut sinä, pyydä heti uusi salasana."),
            ),
            "en": Text(
                "Your password has changed",
                (
                    "your account's password was changed {at}. Other sessions have ended.",
                    "If this was not you, ask for a new password at once.",
                ),
            ),
        },
        "new_device": {
            "fi": Text(
                "Uusi kirjautuminen tilillesi",
                ("tilillesi kirjauduttiin laitteelta, jota emme tunne: {device}, osoite {address}, {at}.", _IF_NOT_YOU_FI),
            ),
            "en": Text(
                "A new sign-in to your account",
                ("somebody signed in from a device that we do not know: {device}, address {address}, {at}.", _IF_NOT_YOU_EN),
            ),
        },
        "way_in_added": {
            "fi": Text(
                "Tilisi kirjautumistapoja muutettiin",
                ("tilillesi lisättiin kirjautumistapa tai sen suojaus: {way}, {at}.", _IF_NOT_YOU_FI),
            ),
            "en": Text(
                "The ways in to your account have changed",
                ("a way to sign in to your account, or what guards it, was added: {way}, {at}.", _IF_NOT_YOU_EN),
            ),
        },
        "way_in_removed": {
            "fi": Text(
                "Tilisi kirjautumistapoja muutettiin",
                ("tililtäsi poistettiin kirjautumistapa tai sen suojaus: {way}, {at}.", _IF_NOT_YOU_FI),
            ),
            "en": Text(
                "The ways in to your account have changed",
                ("a way to sign in to your account, or what guards it, was removed: {way}, {at}.", _IF_NOT_YOU_EN),
            ),
        },
        "invitation": {
            "fi": Text(
                "{inviter} kutsuu sinut yritykseen {company}",
                (
                    "sinut on kutsuttu yritykseen {company}. Linkki toimii kerran, seitsemän päivän ajan.",
                    "Jos et tunne kutsujaa, älä avaa linkkiä.",
                ),
                "Liity yritykseen",
            ),
            "en": Text(
                "{inviter} invites you to {company}",
                (
                    "you are invited to {company}. The link works once, for seven days.",
                    "If you do not know who invites you, do not open the link.",
                ),
                "Join the company",
            ),
        },
    }
)


def written(order: Order, letter_id: UUID, *, public_url: str) -> Letter:
    """Return the letter that an order asks for; its link leads to the public URL, whatever name a request was sent to."""
    text = TEXTS[order.kind][order.language]
    facts = {"name": order.to, **order.facts}
    greeting = _GREETING[order.language].format_map(facts)
    paragraphs = [paragraph.format_map(facts) for paragraph in text.body]
    first, rest = paragraphs[0], paragraphs[1:]
    link = f"{public_url.rstrip('/')}{PAGES[order.kind]}#token={order.token}" if order.token else ""
    plain = "\n\n".join([greeting, first, *([link] if link else []), *rest, "Converto"])
    button = [f'<p><a href="{escape(link)}">{escape(text.button)}</a></p>', f"<p><small>{escape(link)}</small></p>"] if link else []
    told = [f"<p>{escape(greeting)}</p>", f"<p>{escape(first)}</p>", *button, *(f"<p>{escape(each)}</p>" for each in rest)]
    html = f'<!doctype html><html lang="{order.language}"><meta charset="utf-8"><body>{"".join(told)}<p>Converto</p></body></html>'
    return Letter(id=letter_id, to=order.to, subject=text.subject.format_map(facts), text=f"{plain}\n", html=html)
