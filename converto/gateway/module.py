"""The manifest of the gateway: it asks, and is asked nothing."""

from converto.auth.interface import Auth
from converto.gateway.api import router
from converto.gateway.settings import GatewaySettings
from converto.kernel.manifest import Module

module = Module(name="gateway", needs=(Auth,), settings=GatewaySettings, router=router)
