"""Files of Slack's Web API, as whoever asked for one needs it."""

from __future__ import annotations

from core.errors import Refused, Transient
from core.settings import Settings
from workers.adapters.slack import Answer, web_client

_TIMEOUT_S = 30


class SlackFiles:
    """Implements workers.exporting.Files over slack_sdk."""

    def __init__(self, settings: Settings) -> None:
        self._web = web_client(settings)

    def say(self, user: str, said: str) -> tuple[str, str]:
        answer = self._web("chat.postMessage", channel=user, text=said, link_names=False, parse="none")
        return str(answer["channel"]), str(answer["ts"])

    def correct(self, channel: str, ts: str, said: str) -> None:
        self._web("chat.update", channel=channel, ts=ts, text=said, link_names=False, parse="none")

    def share(self, channel: str, thread_ts: str, name: str, content: bytes) -> None:
        begun = self._web("files.getUploadURLExternal", filename=name, length=len(content))
        self._send(begun, content)
        files = f'[{{"id":"{begun["file_id"]}","title":"{name}"}}]'
        self._web("files.completeUploadExternal", files=files, channel_id=channel, thread_ts=thread_ts)

    def _send(self, begun: Answer, content: bytes) -> None:
        import requests

        try:
            answer = requests.post(str(begun["upload_url"]), data=content, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            raise Transient("Slack did not take the file", 5.0) from error
        if answer.status_code != 200:
            raise Refused("Slack refused the file", str(answer.status_code))
