"""Messages as they should stand in Slack; the notifier makes it so."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import orjson

from core.model import Model, Moment


class View(Model):
    """A message's content: Block Kit, and the whole sentence that a notification or a screen reader shows."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()

    def digest(self) -> str:
        """Changes when what is shown changes."""
        return hashlib.sha256(orjson.dumps([self.text, self.blocks])).hexdigest()[:16]


class Task(Model):
    """One line of a plan of tasks."""

    id: str
    title: str
    status: Literal["pending", "in_progress", "complete", "error"] = "pending"


class Stream(Model):
    """Progress that Slack can show as a live plan of tasks, to the person who asked."""

    user: str
    team: str
    tasks: tuple[Task, ...]
    ended: bool = False


class Picture(Model):
    """A picture that belongs to a message; its PNG is kept beside the outbox under `key` for a day."""

    key: str
    alt_text: str  # a sentence that says what the picture shows
    title: str


class Message(Model):
    """One message, found again by its key: putting a new view under the same key edits it."""

    key: str  # "INC-7/card", "INV-3/diagnosis"
    channel: str
    view: View
    under: str | None = None  # key of the message in whose thread it belongs
    thread_ts: str | None = None  # or the thread itself
    stream: Stream | None = None  # shown live while it runs, where the workspace supports it
    incident: str | None = None
    withdrawn: bool = False  # no longer worth a post; one that was posted is still edited
    picture: Picture | None = None  # shown below the blocks, where Slack lets the bot upload it
    # From here on the notifier writes.
    ts: str | None = None  # set once posted
    permalink: str | None = None
    posted: str | None = None  # digest of the view that Slack shows
    attempted: bool = False  # a post was begun; look before posting again
    uploaded: tuple[str, str] | None = None  # key of the picture that was uploaded, and Slack's id of that file
    streaming_since: Moment | None = None  # a stream is open
    streamed: tuple[Task, ...] = ()  # tasks as Slack shows them
    failures: int = 0  # deliveries in a row that Slack put off
    version: int = 0

    @property
    def shown(self) -> View:
        """The view, with the picture below it once that is uploaded."""
        if self.picture is None or self.uploaded is None or self.uploaded[0] != self.picture.key:
            return self.view
        title = {"type": "plain_text", "text": self.picture.title, "emoji": False}
        image = {
            "type": "image", "slack_file": {"id": self.uploaded[1]}, "alt_text": self.picture.alt_text, "title": title,
        }  # fmt: skip
        return View(text=self.view.text, blocks=(*self.view.blocks, image))

    def as_posted(self, before: Message) -> Message:
        """This wish, with what the notifier knows of the message from `before`."""
        known = (
            "ts",
            "permalink",
            "posted",
            "attempted",
            "uploaded",
            "streaming_since",
            "streamed",
            "failures",
            "version",
        )
        return self.model_copy(update={name: getattr(before, name) for name in known})
