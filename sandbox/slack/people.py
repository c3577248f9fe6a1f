"""Acting as a person: everything that one can do in Slack which the bot hears of.

People and channels are named by id or by name ("maria", "#sre"; "@sre" is the direct messages with the bot).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.slack import events, inputs, payloads
from sandbox.slack.answers import answer
from sandbox.slack.args import Args
from sandbox.slack.blocks import interactive_elements
from sandbox.slack.delivery import Delivery, Outcome
from sandbox.slack.errors import ApiError
from sandbox.slack.grants import ResponseUrls
from sandbox.slack.methods import marks, streams, views
from sandbox.slack.methods.api import Api
from sandbox.slack.model import BOT_USER_ID, Channel, Json, Message, User, View

_HANDLE = re.compile(r"(?<![\w<])@([a-z0-9][a-z0-9._-]*[a-z0-9])")
_TROUBLE = {
    "operation_timeout": "Operation timed out. Apps need to respond within three seconds.",
    "dispatch_failed": "This app did not respond. It may be down.",
}


class People:
    """Each method is one thing that a person does; it answers with what became of it."""

    def __init__(self, api: Api, delivery: Delivery, response_urls: ResponseUrls) -> None:
        self._api = api
        self._workspace = api.workspace
        self._delivery = delivery
        self._response_urls = response_urls

    async def command(
        self, user: str, channel: str, command: str, text: str = "", thread_ts: str | None = None
    ) -> Outcome:
        """Type a slash command. Its answer, or why there is none, is shown to the person alone."""
        who, where = self._workspace.user(user), self._place(user, channel)
        typed = {"command": command, "text": text}
        self._workspace.feed.add("command_typed", typed, channel=where.id, thread_ts=thread_ts, user=who.id)
        if thread_ts:
            self._tell(who, where, f"{command} is not supported in threads. Sorry!", thread_ts)
            return Outcome(error="not_supported_in_threads")
        if self._api.app.commands and command not in self._api.app.commands:
            self._tell(who, where, f"{command} is not a valid command.")
            return Outcome(error="invalid_command")
        path = self._response_urls.issue(where.id, who.id)
        trigger_id = self._api.triggers.issue(who.id)
        payload = payloads.slash_command(who, where, command, text, self._api.origin + path, trigger_id)
        outcome = await self._delivery.interaction("slash_commands", payload)
        if outcome.body and not outcome.error:
            try:
                answer(self._api, self._response_urls.peek(path), outcome.body, "slash_commands")
            except ApiError as error:
                self._workspace.breach("invalid_command_response", str(error), "slash_commands")
                outcome = replace(outcome, error="invalid_command_response")
        if outcome.error:
            self._tell(who, where, f'{command} failed with the error "{outcome.error}"')
        return outcome

    async def say(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> Outcome:
        """Write a message; `@handle` becomes a mention. The outcome is that of the mention, if the bot is mentioned.

        Raises: LookupError when there is no such thread.
        """
        who, where = self._workspace.user(user), self._place(user, channel)
        if where.is_archived or who.id not in where.members:
            return Outcome(error="is_archived" if where.is_archived else "not_in_channel")
        if thread_ts and self._workspace.find(thread_ts, where.id) is None:
            raise LookupError(f"There is no message {thread_ts} in {where.name or 'these direct messages'}.")
        message = Message(where.id, self._workspace.new_ts(), who.id, self._linked(text), thread_ts=thread_ts)
        self._workspace.post(message)
        event, mentioned = events.message_posted(message, where), f"<@{BOT_USER_ID}>" in message.text
        if BOT_USER_ID not in where.members:
            if mentioned:
                self._tell(who, where, "You mentioned @sre, who is not in this channel.", thread_ts)
            return Outcome(error="not_in_channel" if mentioned else None, ts=message.ts)
        if mentioned and where.kind != "im":
            self._delivery.emit(event)
            event = events.app_mention(message)
        return replace(await self._delivery.event(event), ts=message.ts)

    async def mention(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> Outcome:
        """Write a message that begins with the bot's name."""
        return await self.say(user, channel, f"@{self._workspace.users[BOT_USER_ID].name} {text}", thread_ts)

    async def click(
        self,
        user: str,
        where: str,
        action_id: str,
        value: Any = None,
        *,
        block_id: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Use an element of a message (by its ts) or of a view (by its id); confirmation dialogs are confirmed.

        `value` picks among buttons with the same action id, or is the choice: an option's value, a user's id.
        `values` is what stands in the view's other inputs, as `submit_view` takes it.
        Raises: LookupError when the person sees no such message or element.
        """
        who = self._workspace.user(user)
        view = self._view_before(who, where)
        message = None if view else self._message_before(who, where)
        blocks = view.blocks if view else message.blocks if message else []
        found = inputs.find_element(blocks, action_id, value, block_id)
        if found is None:
            known = [e["action_id"] for block in blocks for e in interactive_elements(block)]
            raise LookupError(f"{where} has nothing with the action id {action_id!r}, only {known}.")
        pressed = inputs.action(*found, value, self._workspace.new_ts())
        payload = self._interaction("block_actions", who) | {"actions": [pressed]}
        if message:
            payload |= self._about(message, who) | {"container": payloads.container(message), "state": {"values": {}}}
        if view:
            reported, _ = inputs.state(view.blocks, values or {})
            payload |= {"view": view.as_json(reported), "container": {"type": "view", "view_id": view.id}}
        channel, thread_ts = (message.channel, message.thread_ts) if message else (None, None)
        self._workspace.feed.add("button_clicked", pressed, channel=channel, ts=where, thread_ts=thread_ts, user=who.id)
        return self._shown(await self._delivery.interaction("interactive", payload), who, message)

    async def suggest(
        self, user: str, where: str, action_id: str, value: str, *, block_id: str | None = None
    ) -> Outcome:
        """Type into a select whose options the app suggests; they are in the outcome's body. Raises LookupError."""
        who = self._workspace.user(user)
        view = self._view_before(who, where)
        message = None if view else self._message_before(who, where)
        blocks = view.blocks if view else message.blocks if message else []
        found = inputs.find_element(blocks, action_id, None, block_id)
        if found is None or not found[1]["type"].endswith("external_select"):
            raise LookupError(f"{where} has no select {action_id!r} whose options the app suggests.")
        payload = self._interaction("block_suggestion", who) | {
            "action_id": action_id, "block_id": found[0]["block_id"], "value": value,
        }  # fmt: skip
        del payload["trigger_id"]
        if message:
            payload |= {"container": payloads.container(message), "message": message.as_json()}
        if view:
            payload |= {"container": {"type": "view", "view_id": view.id}, "view": view.as_json()}
        return await self._delivery.interaction("interactive", payload)

    async def shortcut(self, user: str, callback_id: str, message_ts: str | None = None) -> Outcome:
        """Use a shortcut: a message's when `message_ts` is given, else a global one."""
        who = self._workspace.user(user)
        if self._api.app.shortcuts and callback_id not in self._api.app.shortcuts:
            raise LookupError(f"The app declares no shortcut {callback_id!r}.")
        message = self._message_before(who, message_ts) if message_ts else None
        payload = self._interaction("message_action" if message else "shortcut", who)
        payload |= {"callback_id": callback_id, "action_ts": self._workspace.new_ts()}
        payload |= self._about(message, who) | {"message_ts": message.ts} if message else {}
        channel = message.channel if message else None
        self._workspace.feed.add(
            "shortcut_used", {"callback_id": callback_id}, channel=channel, ts=message_ts, user=who.id
        )
        return self._shown(await self._delivery.interaction("interactive", payload), who, message)

    async def submit_view(self, user: str, values: Mapping[str, Any] | None = None) -> Outcome:
        """Fill in and submit the topmost modal. `values` are by block id or action id.

        What is required and missing is refused before the app hears of it ("missing_input"). Raises: LookupError.
        """
        who, view = self._workspace.user(user), self._topmost(user)
        reported, view.errors = inputs.state(view.blocks, values or {})
        if view.errors:
            self._workspace.feed.add("view_updated", view.as_json() | {"errors": view.errors}, user=who.id)
            return Outcome(error="missing_input", body={"errors": view.errors})
        payload = self._interaction("view_submission", who) | {"view": view.as_json(reported), "response_urls": []}
        self._workspace.feed.add("view_submitted", payload["view"], user=who.id)
        outcome = await self._delivery.interaction("interactive", payload)
        if outcome.acked:
            try:
                self._follow(view, outcome.body or {})
            except ApiError as error:
                self._workspace.breach(error.error, str(error), "view_submission")
                outcome = replace(outcome, error=error.error)
        if outcome.error:
            view.errors = {"": "We had some trouble connecting. Try again?"}
            self._workspace.feed.add("view_updated", view.as_json() | {"errors": view.errors}, user=who.id)
        return outcome

    async def close_view(self, user: str) -> Outcome:
        """Close the topmost modal; the app hears of it if it asked to."""
        who, view = self._workspace.user(user), self._topmost(user)
        views.close_views(self._workspace, who.id, everything=False)
        if not view.content.get("notify_on_close"):
            return Outcome()
        payload = self._interaction("view_closed", who) | {"view": view.as_json(), "is_cleared": False}
        return await self._delivery.interaction("interactive", payload)

    async def react(self, user: str, ts: str, name: str) -> Outcome:
        """Add a reaction to a message. Raises ApiError when it is there already."""
        who = self._workspace.user(user)
        message = self._message_before(who, ts)
        marks.react(self._workspace, message, who.id, name.strip(":"))
        reacted = events.reaction("reaction_added", message, who.id, name.strip(":"), self._workspace.new_ts())
        return await self._delivery.event(reacted)

    async def unreact(self, user: str, ts: str, name: str) -> Outcome:
        """Take back one's reaction to a message. Raises ApiError when there is none."""
        who = self._workspace.user(user)
        message = self._message_before(who, ts)
        marks.unreact(self._workspace, message, who.id, name.strip(":"))
        gone = events.reaction("reaction_removed", message, who.id, name.strip(":"), self._workspace.new_ts())
        return await self._delivery.event(gone)

    async def open_home(self, user: str, tab: str = "home") -> Outcome:
        """Open a tab of the app: "home" or "messages"."""
        who = self._workspace.user(user)
        channel = self._workspace.im(who.id, BOT_USER_ID)
        home = self._workspace.homes.get(who.id)
        return await self._delivery.event(events.app_home_opened(channel, who.id, tab, home, self._workspace.new_ts()))

    async def stop_stream(self, user: str, ts: str) -> Outcome:
        """Press Slack's own Stop button below a message that is being streamed."""
        who = self._workspace.user(user)
        message = self._message_before(who, ts)
        streams.seal(self._api, message, "stopped_by_user")
        return await self._delivery.event(events.agent_session_stopped(message, who.id, self._workspace.new_ts()))

    def _place(self, user: str, channel: str) -> Channel:
        if channel.startswith("@"):
            return self._workspace.im(self._workspace.user(user).id, self._workspace.user(channel).id)
        return self._workspace.channel(channel)

    def _tell(self, who: User, where: Channel, text: str, thread_ts: str | None = None) -> None:
        self._workspace.tell(where.id, who.id, text, thread_ts)

    def _linked(self, text: str) -> str:
        """The text as Slack stores it: escaped, with mentions for the handles that it knows."""
        ids = {user.name: f"<@{user.id}>" for user in self._workspace.users.values()}
        ids |= {group.handle: f"<!subteam^{group.id}>" for group in self._workspace.groups.values()}
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return _HANDLE.sub(lambda match: ids.get(match[1], match[0]), escaped)

    def _message_before(self, who: User, ts: str) -> Message:
        message = self._workspace.ephemerals.get(ts) or self._workspace.find(ts)
        if message is None or message.seen_by not in (None, who.id):
            raise LookupError(f"{who.name} sees no message {ts}.")
        return message

    def _view_before(self, who: User, view_id: str) -> View | None:
        home = self._workspace.homes.get(who.id)
        if home and home.id == view_id:
            return home
        return self._workspace.views[view_id] if view_id in self._workspace.open_views.get(who.id, []) else None

    def _topmost(self, user: str) -> View:
        stack = self._workspace.open_views.get(self._workspace.user(user).id, [])
        if not stack:
            raise LookupError(f"{user} has no modal open.")
        return self._workspace.views[stack[-1]]

    def _interaction(self, kind: str, who: User) -> Json:
        return payloads.interaction(kind, who, self._api.triggers.issue(who.id))

    def _about(self, message: Message, who: User) -> Json:
        path = self._response_urls.issue(message.channel, who.id, message.thread_ts, message.ts)
        return payloads.about(message, self._workspace.channels[message.channel], self._api.origin + path)

    def _shown(self, outcome: Outcome, who: User, message: Message | None) -> Outcome:
        if outcome.error and message:
            self._workspace.tell(message.channel, who.id, _TROUBLE[outcome.error], message.thread_ts)
        return outcome

    def _follow(self, view: View, body: Json) -> None:
        """Do what the answer to a submission asks for. Raises ApiError."""
        match body.get("response_action"):
            case None:
                views.close_views(self._workspace, view.user, everything=False)
            case "clear":
                views.close_views(self._workspace, view.user, everything=True)
            case "update":
                views.replace_view(self._workspace, view, views.read_view(Args(body), "modal"))
            case "push":
                views.stack_view(self._workspace, view.user, views.read_view(Args(body), "modal"))
            case "errors":
                view.errors = {str(k): str(v) for k, v in body.get("errors", {}).items()}
                unknown = set(view.errors) - {block["block_id"] for block in view.blocks if block["type"] == "input"}
                if unknown or not view.errors:
                    raise ApiError("invalid_arguments", [f"errors must name input blocks, not {sorted(unknown)}"])
                self._workspace.feed.add("view_updated", view.as_json() | {"errors": view.errors}, user=view.user)
            case other:
                raise ApiError("invalid_arguments", [f"unknown response_action: {other}"])
