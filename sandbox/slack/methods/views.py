"""views.*: modals and App Home."""

from __future__ import annotations

import uuid

from sandbox.slack.args import Args
from sandbox.slack.errors import ApiError
from sandbox.slack.limits import MODALS_MAX
from sandbox.slack.methods.api import Api
from sandbox.slack.model import Json, View
from sandbox.slack.state import Workspace
from sandbox.slack.views import check_view, is_too_large


def open_(api: Api, args: Args) -> Json:
    content = read_view(args, "modal")
    user = api.triggers.exchange(args.needed("trigger_id"))
    close_views(api.workspace, user, everything=True)
    return _answer(stack_view(api.workspace, user, content))


def push(api: Api, args: Args) -> Json:
    content = read_view(args, "modal")
    user = api.triggers.exchange(args.needed("trigger_id"))
    if not api.workspace.open_views.get(user):
        raise ApiError("not_found")
    return _answer(stack_view(api.workspace, user, content))


def update(api: Api, args: Args) -> Json:
    content = read_view(args, "modal")
    wanted, external = args.text("view_id"), args.text("external_id")
    view = api.workspace.views.get(wanted) or next(
        (v for v in api.workspace.views.values() if external and v.content.get("external_id") == external), None
    )
    if view is None:
        raise ApiError("not_found")
    _check_hash(view, args)
    replace_view(api.workspace, view, content)
    return _answer(view)


def publish(api: Api, args: Args) -> Json:
    content = read_view(args, "home")
    user = api.user(args.needed("user_id")).id
    home = api.workspace.homes.get(user)
    if home is None:
        view_id = api.workspace.new_id("V")
        home = View(view_id, user, content, _new_hash(), view_id)
    else:
        _check_hash(home, args)
        home.content, home.hash = content, _new_hash()
    api.workspace.homes[user] = home
    api.workspace.name_blocks(home.blocks)
    api.workspace.feed.add("home_published", home.as_json(), user=user)
    return _answer(home)


def read_view(args: Args, kind: str) -> Json:
    """The `view` argument, checked. Raises ApiError."""
    content = args.json("view")
    if not isinstance(content, dict):
        raise ApiError("invalid_arguments", ["missing required field: view"])
    if is_too_large(content):
        raise ApiError("view_too_large")
    if problems := check_view(content):
        raise ApiError("invalid_arguments", [str(problem) for problem in problems])
    if content["type"] != kind:
        raise ApiError("invalid_arguments", [f"the view must be a {kind} [json-pointer:/view/type]"])
    return content


def stack_view(workspace: Workspace, user: str, content: Json) -> View:
    """Lay a modal on top of those that the user has open. Raises ApiError when there would be too many."""
    stack = workspace.open_views.setdefault(user, [])
    if len(stack) >= MODALS_MAX:
        raise ApiError("push_limit_reached")
    external = content.get("external_id")
    if external and any(view.content.get("external_id") == external for view in workspace.views.values()):
        raise ApiError("duplicate_external_id")
    view_id = workspace.new_id("V")
    view = View(view_id, user, content, _new_hash(), stack[0] if stack else view_id, stack[-1] if stack else None)
    workspace.views[view_id] = view
    workspace.name_blocks(view.blocks)
    stack.append(view_id)
    workspace.feed.add("view_opened", view.as_json(), user=user)
    return view


def replace_view(workspace: Workspace, view: View, content: Json) -> None:
    view.content, view.hash, view.errors = content, _new_hash(), {}
    workspace.name_blocks(view.blocks)
    workspace.feed.add("view_updated", view.as_json(), user=view.user)


def close_views(workspace: Workspace, user: str, *, everything: bool) -> None:
    """Take away the topmost modal of a user, or all."""
    stack = workspace.open_views.get(user, [])
    for view_id in stack[::-1] if everything else stack[-1:]:
        stack.remove(view_id)
        workspace.feed.add("view_closed", workspace.views.pop(view_id).as_json(), user=user)


def _check_hash(view: View, args: Args) -> None:
    if args.text("hash") not in ("", view.hash):
        raise ApiError("hash_conflict")


def _new_hash() -> str:
    return uuid.uuid4().hex[:20]


def _answer(view: View) -> Json:
    return {"ok": True, "view": view.as_json()}
