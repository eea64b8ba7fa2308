"""The access table: every route of every module that ships, who may use it, and how the edge treats it.

The checks, the documentation (docs/access.md), the OpenAPI document and the matrix of roles and routes in the tests all come from here.
A route that stands in no table is closed. A module of somebody else brings its own entries as `Module.access`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from converto.kernel.access import OPERATORS, PUBLIC, Access, Admission

HEALTH, AUTH, READ, BULK = Admission.HEALTH, Admission.AUTH, Admission.READ, Admission.BULK

TABLE: Final[Mapping[str, Access]] = MappingProxyType(
    {
        # the edge itself
        "GET /health": Access(PUBLIC, HEALTH),
        "GET /health/live": Access(PUBLIC, HEALTH),
        "GET /health/ready": Access(PUBLIC, HEALTH),
        "GET /metrics": Access(OPERATORS, HEALTH),
        "GET /stats": Access(OPERATORS, HEALTH),
        "GET /services/health": Access(OPERATORS, HEALTH),
        "GET /docs": Access(PUBLIC, READ),
        "GET /docs/{asset}": Access(PUBLIC, READ),
        "GET /openapi.json": Access(PUBLIC, READ),
        "GET /asyncapi.json": Access(PUBLIC, READ),
        # auth
        "GET /.well-known/jwks.json": Access(PUBLIC, READ),
        "POST /auth/register": Access(PUBLIC, AUTH),
        "POST /auth/login": Access(PUBLIC, AUTH),
        "POST /auth/refresh": Access(PUBLIC, AUTH),
        "POST /auth/logout": Access("auth:self", AUTH),
        "POST /auth/logout-all": Access("auth:self", AUTH),
        "GET /auth/me": Access("auth:self", READ),
        "GET /auth/mfa": Access("auth:self", READ),
        "POST /auth/mfa/totp": Access("auth:self", AUTH),
        "POST /auth/mfa/totp/confirm": Access("auth:self", AUTH),
        "DELETE /auth/mfa/totp": Access("auth:self", AUTH),
        "POST /auth/mfa/recovery-codes": Access("auth:self", AUTH),
        "POST /auth/passkeys/options": Access("auth:self", AUTH),
        "POST /auth/passkeys": Access("auth:self", AUTH),
        "GET /auth/passkeys": Access("auth:self", READ),
        "DELETE /auth/passkeys/{passkey_id}": Access("auth:self", AUTH),
        "POST /auth/passkeys/login/options": Access(PUBLIC, AUTH),
        "POST /auth/passkeys/login": Access(PUBLIC, AUTH),
        "POST /auth/step-up/options": Access("auth:self", AUTH),
        "POST /auth/step-up": Access("auth:self", AUTH),
        # ocr
        "POST /ocr/scans": Access("ocr:write", BULK, creates=True, waits=True),
        "GET /ocr/scans": Access("ocr:read", READ),
        "GET /ocr/scans/{scan_id}": Access("ocr:read", READ),
        "DELETE /ocr/scans/{scan_id}": Access("ocr:write", READ),
        "GET /ocr/scans/{scan_id}/events": Access("ocr:read", READ, waits=True),
        "POST /ocr/scans/{scan_id}/cancel": Access("ocr:write", READ),
        "POST /ocr/scans/{scan_id}/retry": Access("ocr:write", BULK),
        "GET /ocr/scans/{scan_id}/original": Access("ocr:read", BULK),
        "GET /ocr/scans/{scan_id}/pages/{page}.png": Access("ocr:read", BULK),
        "GET /ocr/scans/{scan_id}/text": Access("ocr:read", READ),
        "GET /ocr/health": Access(PUBLIC, HEALTH),
        # events
        "POST /events/publish": Access("events:write", BULK, creates=True),
        "POST /events/subscribe": Access("events:read", READ),
        "GET /events/subscriptions": Access("events:read", READ),
        "GET /events/subscriptions/{subscription_id}": Access("events:read", READ),
        "DELETE /events/subscriptions/{subscription_id}": Access("events:read", READ),
        "POST /events/subscriptions/{subscription_id}/consumers/{consumer_name}/receive": Access("events:read", READ, waits=True),
        "POST /events/subscriptions/{subscription_id}/ack": Access("events:read", READ),
        "POST /events/subscriptions/{subscription_id}/nack": Access("events:read", READ),
        "POST /events/subscriptions/{subscription_id}/renew": Access("events:read", READ),
        "GET /events/subscriptions/{subscription_id}/events": Access("events:read", READ, waits=True),
        "GET /events/streams": Access("events:read", READ),
        "GET /events/types": Access("events:read", READ, cache_s=60),
        "GET /events/dead": Access("events:read", READ),
        "POST /events/dead/{event_id}/retry": Access("events:write", READ),
        "DELETE /events/dead/{event_id}": Access("events:write", READ),
        "GET /events/health": Access(PUBLIC, HEALTH),
        # outbound webhooks
        "POST /events/webhooks": Access("events:write", READ, creates=True),
        "GET /events/webhooks": Access("events:read", READ),
        "GET /events/webhooks/{webhook_id}": Access("events:read", READ),
        "PATCH /events/webhooks/{webhook_id}": Access("events:write", READ),
        "DELETE /events/webhooks/{webhook_id}": Access("events:write", READ),
        "POST /events/webhooks/{webhook_id}/disable": Access("events:write", READ),
        "POST /events/webhooks/{webhook_id}/enable": Access("events:write", READ),
        "POST /events/webhooks/{webhook_id}/secret/rotate": Access("events:write", READ),
        "POST /events/webhooks/{webhook_id}/test": Access("events:write", READ),
        "GET /events/webhooks/{webhook_id}/deliveries": Access("events:read", READ),
        "GET /events/webhooks/{webhook_id}/deliveries/{delivery_id}": Access("events:read", READ),
        "POST /events/webhooks/{webhook_id}/deliveries/{delivery_id}/replay": Access("events:write", READ),
        "POST /events/webhooks/{webhook_id}/deliveries/replay": Access("events:write", BULK),
    }
)
