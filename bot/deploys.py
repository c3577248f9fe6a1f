"""The deploy webhook: whether a report is from whom it should be and new; then it is kept."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from bot.webhook import Taken
from core.deploy_webhook import LARGEST_BODY, Report, is_github_signed, read_bearer, read_github
from core.errors import Malformed
from core.joining import note_change
from core.log import get_logger
from core.records import Records

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

log = get_logger(__name__)

KEEP_DELIVERIES_S = 7 * 86_400  # GitHub redelivers by hand for so long


def take_deploy(body: bytes, headers: Headers, records: Records) -> Taken:
    """Keep what a CI system reports. Raises: redis.RedisError; it is to be sent again then."""
    held = records.settings.deploy_webhook_token
    if held is None:
        return Taken("refused", 503, "No deploys are taken until DEPLOY_WEBHOOK_TOKEN is set here.")
    token = held.get_secret_value()
    if len(body) > LARGEST_BODY:
        return Taken("malformed", 413, f"The body is larger than {LARGEST_BODY // 2**20} MB.")
    if "X-GitHub-Event" in headers or "X-Hub-Signature-256" in headers:
        return _from_github(body, headers, token, records)
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        return Taken("refused", 401, "The bearer token is missing or wrong; it is DEPLOY_WEBHOOK_TOKEN.")
    try:
        return _kept(read_bearer(body, records.settings.config, records.now()), records)
    except Malformed as error:
        return Taken("malformed", 400, str(error))


def _from_github(body: bytes, headers: Headers, token: str, records: Records) -> Taken:
    if not is_github_signed(body, headers.get("X-Hub-Signature-256", ""), token):
        return Taken("refused", 401, "The signature is not GitHub's; set the webhook's secret to DEPLOY_WEBHOOK_TOKEN.")
    delivery = f"github:{headers.get('X-GitHub-Delivery', '')[:80]}"
    if delivery == "github:":
        return Taken("malformed", 400, "X-GitHub-Delivery is missing.")
    if records.requests.begin(delivery) != "begun":
        return Taken("repeated", 200, "This delivery was taken before.")
    try:
        event = headers.get("X-GitHub-Event", "")
        taken = _kept(read_github(body, event, records.settings.config, records.now()), records)
    except Malformed as error:
        records.requests.abandon(delivery)
        return Taken("malformed", 400, str(error))
    records.requests.finish(delivery, KEEP_DELIVERIES_S)
    return taken


def _kept(report: Report, records: Records) -> Taken:
    if report.event is None:
        return Taken("ignored", 200, report.sentence)
    kept = note_change(records.changes, report.event)
    log.info("deploy_reported", id=kept.id, source=report.event.source, service=kept.service)
    if report.stranger:
        return Taken("unknown", 202, f"Noted, but no service here is called {report.stranger!r}; "
                     "name the repository under services.….repository.")  # fmt: skip
    if kept.id != report.event.id:
        return Taken("joined", 202, "Noted, as the rollout that was seen in the cluster.")
    return Taken("received", 202, "Noted.")
