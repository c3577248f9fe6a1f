"""A channel with its threads as text, in the order in which a person reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sandbox.slack.drawing import Drawing
from sandbox.slack.model import Change, Channel, Message
from sandbox.slack.mrkdwn import emoji
from sandbox.slack.state import Workspace

_BODY = "    "
_THREAD = "  ┃ "


def render(workspace: Workspace, channel: Channel) -> str:
    """What was said in a channel and its threads, what people typed and pressed, and what only one of them saw."""
    return "\n".join(_Transcript(workspace, channel).lines()) + "\n"


class _Entry(NamedTuple):
    """Some lines at a time. `thread` is the message below which they belong; `ts` the message that they are."""

    at: float
    thread: str | None
    ts: str | None
    lines: list[str]


class _Transcript:
    def __init__(self, workspace: Workspace, channel: Channel) -> None:
        self._workspace = workspace
        self._channel = channel
        self._drawing = Drawing(workspace)

    def lines(self) -> Iterator[str]:
        title = f"#{self._channel.name}" if self._channel.name else "direct messages"
        yield f"── {title} {'─' * (60 - len(title))}"
        threads: dict[str | None, list[_Entry]] = defaultdict(list)
        for entry in sorted(self._entries(), key=lambda entry: entry.at):
            threads[entry.thread].append(entry)
        if not threads:
            yield from ("", "Nothing has been said here yet.")
        for entry in threads[None]:
            yield from ("", *entry.lines)
            for below in threads[entry.ts] if entry.ts else []:
                yield _THREAD.rstrip()
                yield from (f"{_THREAD}{line}".rstrip() for line in below.lines)

    def _entries(self) -> Iterator[_Entry]:
        ephemerals = [m for m in self._workspace.ephemerals.values() if m.channel == self._channel.id]
        for message in [*self._workspace.in_channel(self._channel.id), *ephemerals]:
            thread = message.thread_ts if message.is_reply else None
            yield _Entry(float(message.ts), self._existing(thread), message.ts, list(self._message(message)))
        for change in self._workspace.feed.since():
            if change.channel == self._channel.id and (did := _did(change)):
                who = self._workspace.users[str(change.user)].name
                line = f"{_clock(change.at)}  {who} {did}"
                yield _Entry(change.at, self._existing(change.thread_ts or change.ts), None, [line])

    def _existing(self, thread_ts: str | None) -> str | None:
        """A thread only if its first message is still there: what is below nothing goes to the channel."""
        found = self._workspace.find(thread_ts, self._channel.id) if thread_ts else None
        return found.ts if found else None

    def _message(self, message: Message) -> Iterator[str]:
        user = self._workspace.users.get(message.user)
        seen_by = f"  (only {self._workspace.users[message.seen_by].name} sees this)" if message.seen_by else ""
        edited = "  (edited)" if message.edits else ""
        yield f"{_clock(float(message.ts))}  {user.name if user else 'Slackbot'}{seen_by}{edited}"
        yield from (f"{_BODY}{line}".rstrip() for line in self._content(message))

    def _content(self, message: Message) -> Iterator[str]:
        yield from self._drawing.lines(message.blocks) if message.blocks else self._drawing.text(message.text)
        for attachment in message.attachments:
            inside = self._drawing.lines(attachment.get("blocks") or [])
            yield from (f"│ {line}" for line in inside)
            yield from (f"│ {attachment[key]}" for key in ("title", "text") if attachment.get(key))
        for file in message.files:
            yield f"(file: {file['title']})"
        if message.reactions:
            yield "  ".join(f"{emoji(f':{name}:')} {len(users)}" for name, users in message.reactions.items())


def _did(change: Change) -> str | None:
    """What a person did, for the changes that are no message."""
    data = change.data
    match change.kind:
        case "command_typed":
            return f"typed {data['command']} {data['text']}".rstrip()
        case "button_clicked" if "selected_option" in data:
            return f"chose [{data['selected_option']['text']['text']}]"
        case "button_clicked" if data.get("text"):
            return f"pressed [{data['text']['text']}]"
        case "button_clicked":
            return f"used {data['action_id']}"
        case "shortcut_used":
            return f"used the shortcut {data['callback_id']}"
        case _:
            return None


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")
