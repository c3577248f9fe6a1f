"""Slack's Web API, as the notifier needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from core.errors import Conflict, Refused, Transient
from core.outbox import Message, Task, View
from core.settings import Settings
from workers.ports import Said, Spoken

if TYPE_CHECKING:
    from slack_sdk import WebClient

METADATA_EVENT = "sre_bot_message"  # every member can read metadata: the key is all it holds
TIMEOUT_S = 10
_CLOCKS = timedelta(minutes=10)  # how far Slack's and ours may differ
_LOOK_BACK = 100  # messages read when asking whether an unclear post arrived
_THREAD_PAGE = 200
_BUSY = {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}


class Answer(dict[str, Any]):
    """What Slack answered, and the scopes that the token has."""

    scopes: tuple[str, ...] = ()


def web_client(settings: Settings) -> Callable[..., Answer]:
    """Any method of Slack's Web API by name, errors translated: `web("auth.test")["user"]`.

    The callable raises Transient and Refused.
    """
    client = _client(settings)

    def web(method: str, token: str | None = None, **params: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = _call(lambda: client.api_call(method, params=params, headers=headers))
        answer = Answer(response.data)
        answer.scopes = tuple(scope for scope in response.headers.get("x-oauth-scopes", "").split(",") if scope)
        return answer

    return web


def _client(settings: Settings) -> WebClient:
    from slack_sdk import WebClient

    token = settings.slack_bot_token
    # A retried post can appear twice, so the SDK retries nothing; the notifier looks first and then posts again.
    return WebClient(
        token=token.get_secret_value() if token else None,
        base_url=settings.slack_api_url, timeout=TIMEOUT_S, retry_handlers=[],
    )  # fmt: skip


class SlackAdapter:
    """Implements workers.ports.Slack over slack_sdk. Slack's own waiting is done by the queue, not in here."""

    def __init__(self, settings: Settings) -> None:
        self._web = _client(settings)

    def post(self, message: Message) -> str:
        answer = _call(
            lambda: self._web.chat_postMessage(
                channel=message.channel, thread_ts=message.thread_ts, text=message.view.text,
                blocks=list(message.shown.blocks) or None, metadata=_metadata(message),
                unfurl_links=False, unfurl_media=False, link_names=False, parse="none",
            )
        )  # fmt: skip
        return str(answer["ts"])

    def edit(self, message: Message) -> None:
        _call(
            lambda: self._web.chat_update(
                channel=message.channel, ts=str(message.ts), text=message.view.text,
                blocks=list(message.shown.blocks), metadata=_metadata(message), link_names=False, parse="none",
            )
        )  # fmt: skip

    def find_posted(self, message: Message) -> str | None:
        read: Callable[[], Any]
        if message.thread_ts:
            thread_ts = message.thread_ts
            # Slack begins with the oldest replies, and a long thread has more of them than one answer holds.
            oldest = (message.waiting_since - _CLOCKS).timestamp() if message.waiting_since else 0.0
            read = lambda: self._web.conversations_replies(  # noqa: E731
                channel=message.channel, ts=thread_ts, oldest=f"{oldest:.6f}", limit=_LOOK_BACK,
                include_all_metadata=True,
            )  # fmt: skip
        else:
            read = lambda: self._web.conversations_history(  # noqa: E731
                channel=message.channel, limit=_LOOK_BACK, include_all_metadata=True
            )
        for found in _call(read).get("messages", []):
            metadata = found.get("metadata") or {}
            if metadata.get("event_type") == METADATA_EVENT and metadata["event_payload"].get("key") == message.key:
                return str(found["ts"])
        return None

    def permalink(self, channel: str, ts: str) -> str:
        return str(_call(lambda: self._web.chat_getPermalink(channel=channel, message_ts=ts))["permalink"])

    def start_stream(self, message: Message) -> str:
        stream = message.stream
        assert stream and message.thread_ts
        thread_ts = message.thread_ts
        answer = _call(
            lambda: self._web.chat_startStream(
                channel=message.channel, thread_ts=thread_ts, recipient_user_id=stream.user,
                recipient_team_id=stream.team, task_display_mode="plan", chunks=_chunks(stream.tasks),
            )
        )  # fmt: skip
        return str(answer["ts"])

    def append_stream(self, message: Message, tasks: Sequence[Task]) -> None:
        _call(lambda: self._web.chat_appendStream(channel=message.channel, ts=str(message.ts), chunks=_chunks(tasks)))

    def stop_stream(self, message: Message, tasks: Sequence[Task]) -> None:
        _call(
            lambda: self._web.chat_stopStream(
                channel=message.channel, ts=str(message.ts), chunks=_chunks(tasks) or None, metadata=_metadata(message)
            )
        )

    def groups_of(self, user: str, among: Sequence[str]) -> tuple[str, ...]:
        return tuple(group for group in dict.fromkeys(among) if user in self._members(group))

    def _members(self, group: str) -> Sequence[str]:
        try:
            return list(_call(lambda: self._web.usergroups_users_list(usergroup=group))["users"])
        except Refused as error:
            if error.code == "no_such_subteam":  # nobody is in a group that is not there; the doctor says so
                return ()
            raise

    def upload(self, png: bytes, name: str, alt_text: str) -> str:
        """Shared with nobody until a message shows it."""
        answer = _call(
            lambda: self._web.files_upload_v2(filename=f"{name}.png", title=name, content=png, alt_txt=alt_text)
        )
        return str(answer["files"][0]["id"])

    def respond(self, response_url: str, view: View, thread_ts: str | None = None) -> None:
        from slack_sdk.webhook import WebhookClient

        client = WebhookClient(response_url, timeout=TIMEOUT_S, retry_handlers=[])

        def send() -> dict[str, Any]:
            said = {"text": view.text, "blocks": list(view.blocks) or None, "thread_ts": thread_ts}
            answer = client.send_dict(said | {"response_type": "ephemeral", "replace_original": False})
            if answer.status_code != 200:
                raise Refused("Slack refused the answer", answer.body[:60])
            return {}

        _call(send)

    def whisper(self, channel: str, user: str, view: View, thread_ts: str | None = None) -> None:
        _call(
            lambda: self._web.chat_postEphemeral(
                channel=channel, user=user, text=view.text, blocks=list(view.blocks) or None, thread_ts=thread_ts
            )
        )

    def email_of(self, user: str) -> str | None:
        found = _call(lambda: self._web.users_info(user=user))["user"]
        return (found.get("profile") or {}).get("email") or None

    def user_by_email(self, email: str) -> str | None:
        try:
            return str(_call(lambda: self._web.users_lookupByEmail(email=email))["user"]["id"])
        except Refused as error:
            if error.code == "users_not_found":
                return None
            raise

    def publish_home(self, user: str, view: Mapping[str, Any], over: str) -> str:
        try:
            answer = _call(lambda: self._web.views_publish(user_id=user, view=dict(view), hash=over or None))
        except Refused as error:
            if error.code == "hash_conflict":
                raise Conflict("That Home tab changed since it was read.") from error
            raise
        return str(answer["view"]["hash"])

    def said(self, channel: str, ts: str) -> Said | None:
        try:
            found = _call(
                lambda: self._web.conversations_replies(
                    channel=channel, ts=ts, oldest=ts, latest=ts, inclusive=True, include_all_metadata=True
                )
            ).get("messages", [])
        except Refused as error:
            if error.code == "thread_not_found":
                return None
            raise
        for raw in found:
            if raw.get("ts") == ts:
                payload = (raw.get("metadata") or {}).get("event_payload") or {}
                return Said(str(raw.get("text") or ""), str(raw.get("user") or ""), raw.get("thread_ts") or ts,
                            str(payload.get("key") or ""))  # fmt: skip
        return None

    def thread(self, channel: str, ts: str, most: int) -> tuple[tuple[Spoken, ...], bool]:
        found: list[Spoken] = []
        read, cursor = 0, ""
        while read < 2 * most:  # the bot's own are among them
            page = _call(
                partial(
                    self._web.conversations_replies, channel=channel, ts=ts, limit=_THREAD_PAGE, cursor=cursor or None
                )
            )
            messages = page.get("messages", [])
            read += len(messages)
            found += [
                Spoken(user=str(raw["user"]), ts=str(raw["ts"]), text=str(raw.get("text") or ""))
                for raw in messages
                if raw.get("user") and not raw.get("bot_id") and raw.get("subtype") in (None, "file_share")
            ]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor or len(found) > most:
                break
        return tuple(found[:most]), not cursor and len(found) <= most

    def name_of(self, user: str) -> str | None:
        found = _call(lambda: self._web.users_info(user=user))["user"]
        profile = found.get("profile") or {}
        return profile.get("display_name") or found.get("name") or profile.get("real_name") or None

    def create_canvas(self, title: str, markdown: str) -> str:
        content = {"type": "markdown", "markdown": markdown}
        return str(_call(lambda: self._web.canvases_create(title=title, document_content=content))["canvas_id"])

    def share_canvas(self, canvas: str, channel: str) -> str:
        _call(lambda: self._web.canvases_access_set(canvas_id=canvas, access_level="write", channel_ids=[channel]))
        me = _call(self._web.auth_test)
        return f"{str(me['url']).rstrip('/')}/docs/{me['team_id']}/{canvas}"

    def share_file(self, name: str, title: str, content: str, channel: str, thread_ts: str) -> str:
        answer = _call(
            lambda: self._web.files_upload_v2(
                filename=name, title=title, content=content, channel=channel, thread_ts=thread_ts,
                request_file_info=False,
            )
        )  # fmt: skip
        return str((answer["files"][0] or {}).get("permalink") or "")


def _metadata(message: Message) -> dict[str, Any]:
    return {"event_type": METADATA_EVENT, "event_payload": {"key": message.key}}


def _chunks(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    return [{"type": "task_update", "id": task.id, "title": task.title, "status": task.status} for task in tasks]


def _call(request: Callable[[], Any]) -> Any:
    """Make a request; every way it can fail becomes Transient or Refused."""
    import http.client

    from slack_sdk.errors import SlackApiError, SlackClientError

    try:
        return request()
    except SlackApiError as error:
        code = str(error.response.get("error", "")) if hasattr(error.response, "get") else ""
        status = getattr(error.response, "status_code", 0)
        if status == 429 or status >= 500 or code in _BUSY:
            headers = getattr(error.response, "headers", {}) or {}
            delay = next((v for k, v in headers.items() if k.lower() == "retry-after"), "1")
            raise Transient("Slack asked to wait", float(delay) if str(delay).isdigit() else 1.0) from error
        metadata = error.response.get("response_metadata") if hasattr(error.response, "get") else None
        detail = (metadata or {}).get("messages")
        raise Refused(f"Slack refused ({'; '.join(detail)[:200]})" if detail else "Slack refused", code) from error
    except (SlackClientError, OSError, http.client.HTTPException) as error:
        raise Transient("Slack did not answer", 2.0) from error
