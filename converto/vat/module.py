"""Value added tax, as the runtime sees it."""

import hmac
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from converto.kernel.config import CannotStart, Settings
from converto.kernel.event import hear
from converto.kernel.kept_secret import SHORTEST_SECRET, installation_secret
from converto.kernel.manifest import Module, Parts
from converto.kernel.outgoing.asking import Asking
from converto.kernel.outgoing.guard import Guard
from converto.kernel.outgoing.outgoing import Outgoing
from converto.kernel.outgoing.resolver import Resolver
from converto.kernel.sealed_chain import ChainSeal
from converto.kernel.upkeep import now_and_then
from converto.ocr.events import ScanCompleted
from converto.ocr.interface import Ocr
from converto.vat import handlers
from converto.vat.api import router
from converto.vat.events import PeriodDueSoon, ReturnFiled, VoucherBooked
from converto.vat.interface import Vat
from converto.vat.models import Base
from converto.vat.repository import SEAL
from converto.vat.service import VatService
from converto.vat.settings import VatSettings
from converto.vat.vies import Vies

IDLE_S = 10.0
"""How long a connection to the register is kept for the next question."""
REMIND_AFTER_S, REMIND_EVERY_S = 120.0, 6 * 3600.0
SECRET_FILE = "vat.secret"  # noqa: S105 - the name of a file
SEALS = b"converto vat chain"


@asynccontextmanager
async def build(parts: Parts) -> AsyncIterator[VatService]:
    """Open the service; the rules are read with the first question. Raises CannotStart without a good secret."""
    parts.database.info[SEAL] = chain_seal(parts.settings, parts.program)
    async with _register(parts.settings) as vies:
        service = VatService(parts.database, parts.blobs, parts.other(Ocr), vies=vies)  # type: ignore[type-abstract]
        async with now_and_then(service.reminding.tell, name="vat.remind", after_s=REMIND_AFTER_S, every_s=REMIND_EVERY_S):
            yield service


@asynccontextmanager
async def _register(settings: VatSettings) -> AsyncIterator[Vies | None]:
    """Open what asks the EU's register of VAT numbers; None where nobody has set one."""
    if not settings.vies_url:
        yield None
        return
    networks = settings.vies_allowed_networks
    # without TLS only where an operator has opened a network of their own
    outgoing = Outgoing(Guard(allowed=networks, https_only=not networks), Resolver(), idle_s=IDLE_S)
    async with aclosing(Vies(settings.vies_url, Asking(outgoing, timeout_s=settings.vies_timeout_s))) as vies:
        yield vies


def chain_seal(settings: VatSettings, program: Settings) -> ChainSeal:
    """Return what seals the ends of chains. Raises CannotStart without a good secret."""
    secret = installation_secret(settings.secret_key, program, file=SECRET_FILE)
    if secret is None:
        msg = f"In production VAT entries are sealed: set CONVERTO_VAT_SECRET_KEY to {SHORTEST_SECRET} random characters or more."
        raise CannotStart(msg)
    return ChainSeal(hmac.digest(secret.encode(), SEALS, "sha256"))


module = Module(
    name="vat",
    interface=Vat,
    build=build,
    needs=(Ocr,),
    settings=VatSettings,
    tables=Base.metadata,
    router=router,
    events=(VoucherBooked, ReturnFiled, PeriodDueSoon),
    hears=(hear(ScanCompleted, handlers.draft_voucher),),
)
