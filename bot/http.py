"""The HTTP edge: Slack's requests, the webhooks of Alertmanager and PagerDuty, health and metrics."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
import redis

from bot.delivery import Deliveries
from bot.deploys import take_deploy
from bot.metrics import Metrics
from bot.webhook import Taken, take_webhook
from core.deploy_webhook import LARGEST_BODY as LARGEST_REPORT
from core.errors import Conflict, Malformed, Transient
from core.intake import read_group, receive_group, receive_unreadable
from core.log import get_logger
from core.records import Records

if TYPE_CHECKING:
    from flask import Flask, Response

log = get_logger(__name__)

LARGEST_BODY = 16 * 2**20  # bytes; a group of 15,000 alerts has some 15 MB
TOO_LARGE = f"The body is larger than {LARGEST_BODY // 2**20} MB; set max_alerts in the webhook's configuration."
FORM_FIELDS = 100


class Readiness(NamedTuple):
    """Whether to send requests here, and a sentence for each part."""

    ready: bool
    sentences: tuple[str, ...]


def build_http(
    records: Records, deliveries: Deliveries | None, metrics: Metrics, readiness: Callable[[], Readiness]
) -> Flask:
    """The WSGI application. `deliveries` is None where Slack is not configured."""
    from flask import Flask
    from werkzeug.exceptions import HTTPException

    http = Flask("sre-bot")
    http.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    edge = _Edge(records, deliveries, metrics, readiness)
    for path, method, answer in (
        ("/slack/events", "POST", edge.slack_events),
        ("/webhooks/alertmanager", "POST", edge.alertmanager),
        ("/webhooks/pagerduty", "POST", edge.pagerduty),
        ("/webhooks/deploy", "POST", edge.deploy),
        ("/healthz", "GET", edge.healthz),
        ("/readyz", "GET", edge.readyz),
        ("/metrics", "GET", edge.metrics),
    ):
        http.add_url_rule(path, view_func=answer, methods=[method])

    @http.errorhandler(HTTPException)
    def on_http_error(error: HTTPException) -> Response:
        return _refused(error.code or 500, TOO_LARGE if error.code == 413 else f"{error.name}.")

    return http


class _Edge:
    """What each route answers."""

    def __init__(
        self, records: Records, deliveries: Deliveries | None, metrics: Metrics, readiness: Callable[[], Readiness]
    ) -> None:
        from slack_sdk.signature import SignatureVerifier

        self._records = records
        self._deliveries = deliveries
        self._metrics = metrics
        self._readiness = readiness
        secret = records.settings.slack_signing_secret
        self._verifier = SignatureVerifier(secret.get_secret_value()) if secret else None

    def slack_events(self) -> Response:
        from flask import make_response, request

        if self._deliveries is None or self._verifier is None:
            return _refused(503, "Slack over HTTP is not set up here: set SLACK_SIGNING_SECRET and SLACK_BOT_TOKEN.")
        raw = request.get_data()
        stamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        well_formed = re.fullmatch("[0-9]{1,12}", stamp) and signature.isascii()  # else the SDK raises
        if not well_formed or not self._verifier.is_valid(raw, stamp, signature):
            return _refused(401, "The signature is not Slack's, or it is older than five minutes.")
        try:
            body = parse_slack(raw.decode(), request.mimetype)
        except ValueError:
            return _refused(400, "The body is not one of Slack's.")
        answer = self._deliveries.take(body, "http", signature)
        response = make_response(answer.body, answer.status)
        for name, values in answer.headers.items():
            response.headers[name] = values[0]
        return response

    def alertmanager(self) -> Response:
        from flask import jsonify, request
        from werkzeug.exceptions import RequestEntityTooLarge

        token = self._records.settings.alertmanager_webhook_token
        if token is None:
            return _refused(503, "No alerts are taken until ALERTMANAGER_WEBHOOK_TOKEN is set here.")
        if not _bears(request.headers.get("Authorization", ""), token.get_secret_value()):
            self._metrics.received("alertmanager", "refused")
            return _refused(401, "The bearer token is missing or wrong; set it as the webhook's credentials.")
        status, said, body = 200, None, b""
        try:
            try:
                body = request.get_data()
                incident = receive_group(self._records, read_group(body))
            except (Malformed, RequestEntityTooLarge) as error:
                status, said = (400, str(error)) if isinstance(error, Malformed) else (413, TOO_LARGE)
                incident = receive_unreadable(self._records, said, body=body)
        except (Conflict, Transient, redis.RedisError) as error:
            log.error("alerts_put_off", why=str(error))
            self._metrics.received("alertmanager", "failed")
            return _refused(503, "The records could not be written; send it again.")
        if said is not None:
            self._metrics.received("alertmanager", "malformed")
            return _refused(status, said)
        outcome = "ignored" if incident is None else "quiet" if incident.quiet_since else "received"
        self._metrics.received("alertmanager", outcome)
        return jsonify(incident=incident.id if incident else None)

    def pagerduty(self) -> Response:
        from flask import jsonify, request
        from werkzeug.exceptions import RequestEntityTooLarge

        secret = self._records.settings.pagerduty_webhook_secret
        if secret is None:
            return _refused(503, "No events are taken until PAGERDUTY_WEBHOOK_SECRET is set here.")
        try:
            taken = take_webhook(request.get_data(), request.headers.get("X-PagerDuty-Signature", ""), self._records)
        except RequestEntityTooLarge:
            taken = Taken("malformed", 413, f"The body is larger than {LARGEST_BODY // 2**20} MB.")
        except (Conflict, Transient, redis.RedisError) as error:
            log.error("event_put_off", why=str(error))
            taken = Taken("failed", 503, "The records could not be written; send it again.")
        self._metrics.received("pagerduty", taken.outcome)
        if taken.status >= 400:
            return _refused(taken.status, taken.sentence)
        response = jsonify(outcome=taken.outcome)
        response.status_code = taken.status
        return response

    def deploy(self) -> Response:
        from flask import jsonify, request
        from werkzeug.exceptions import RequestEntityTooLarge

        try:
            taken = take_deploy(request.get_data(), request.headers, self._records)
        except RequestEntityTooLarge:
            taken = Taken("malformed", 413, f"The body is larger than {LARGEST_REPORT // 2**20} MB.")
        except (Conflict, Transient, redis.RedisError) as error:
            log.error("deploy_put_off", why=str(error))
            taken = Taken("failed", 503, "The records could not be written; send it again.")
        self._metrics.received("deploy", taken.outcome)
        if taken.status >= 400:
            return _refused(taken.status, taken.sentence)
        response = jsonify(outcome=taken.outcome, says=taken.sentence)
        response.status_code = taken.status
        return response

    def healthz(self) -> Response:
        return _text("This process runs.")

    def readyz(self) -> Response:
        found = self._readiness()
        return _text(*found.sentences, status=200 if found.ready else 503)

    def metrics(self) -> Response:
        try:
            response = _text(self._metrics.exposition().decode())
        except redis.RedisError:
            return _refused(503, "Redis does not answer; start it or correct REDIS_URL.")
        response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
        return response


def _text(*lines: str, status: int = 200) -> Response:
    from flask import Response

    return Response("".join(f"{line.rstrip()}\n" for line in lines), status, mimetype="text/plain")


def _refused(status: int, sentence: str) -> Response:
    """An error as one sentence. 401 and 503 say what the client may do."""
    from flask import jsonify, make_response

    response = make_response(jsonify(error=sentence), status)
    more = {401: ("WWW-Authenticate", "Bearer"), 503: ("Retry-After", "10")}
    if status in more:
        name, value = more[status]
        response.headers[name] = value
    return response


def parse_slack(body: str, mimetype: str) -> dict[str, Any]:
    """Slack's body as one object: an event is JSON, a click or shortcut JSON in a form field, a command a form.

    Raises: ValueError when it is none of these.
    """
    if mimetype == "application/json":
        parsed = orjson.loads(body)
    else:
        form = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=FORM_FIELDS))
        parsed = orjson.loads(form["payload"]) if "payload" in form and "command" not in form else form
    if isinstance(parsed, dict):
        return parsed
    raise ValueError("not an object")


def _bears(header: str, token: str) -> bool:
    """Whether the Authorization header holds the token; compared in constant time."""
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
