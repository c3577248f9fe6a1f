"""Who is who: auth, users, user groups, the team, the bot."""

from __future__ import annotations

from sandbox.slack.args import Args, page
from sandbox.slack.errors import ApiError
from sandbox.slack.methods.api import Api
from sandbox.slack.model import APP_ID, BOT_ID, BOT_USER_ID, TEAM_DOMAIN, TEAM_ID, Json

TEAM_NAME = "Sandbox"


def _sees_email(api: Api) -> bool:
    return "users:read.email" in api.app.scopes


def auth_test(api: Api, _args: Args) -> Json:
    return {
        "ok": True,
        "url": f"https://{TEAM_DOMAIN}.slack.com/",
        "team": TEAM_NAME,
        "user": api.workspace.users[BOT_USER_ID].name,
        "team_id": TEAM_ID,
        "user_id": BOT_USER_ID,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def api_test(_api: Api, _args: Args) -> Json:
    return {"ok": True}


def connections_open(api: Api, _args: Args) -> Json:
    return {"ok": True, "url": api.origin.replace("http", "ws", 1) + api.socket_path()}


def users_info(api: Api, args: Args) -> Json:
    return {"ok": True, "user": api.user(args.needed("user")).as_json(_sees_email(api))}


def users_list(api: Api, args: Args) -> Json:
    some, more = page(list(api.workspace.users.values()), args, 1000)
    members = [user.as_json(_sees_email(api)) for user in some]
    return {"ok": True, "members": members, "cache_ts": int(api.workspace.clock.now()), **more}


def lookup_by_email(api: Api, args: Args) -> Json:
    email = args.needed("email").lower()
    found = next((user for user in api.workspace.people() if user.email.lower() == email), None)
    if found is None:
        raise ApiError("users_not_found")
    return {"ok": True, "user": found.as_json(with_email=True)}


def profile_get(api: Api, args: Args) -> Json:
    return {"ok": True, "profile": api.user(args.text("user", BOT_USER_ID)).profile(_sees_email(api))}


def usergroups_list(api: Api, args: Args) -> Json:
    with_users = args.flag("include_users")
    return {"ok": True, "usergroups": [group.as_json(with_users) for group in api.workspace.groups.values()]}


def usergroup_users(api: Api, args: Args) -> Json:
    group = api.workspace.groups.get(args.needed("usergroup"))
    if group is None:
        raise ApiError("no_such_subteam")
    return {"ok": True, "users": list(group.users)}


def team_info(_api: Api, _args: Args) -> Json:
    return {"ok": True, "team": {"id": TEAM_ID, "name": TEAM_NAME, "domain": TEAM_DOMAIN, "email_domain": ""}}


def bots_info(api: Api, args: Args) -> Json:
    if args.text("bot", BOT_ID) != BOT_ID:
        raise ApiError("bot_not_found")
    name = api.workspace.users[BOT_USER_ID].real_name
    bot = {"id": BOT_ID, "deleted": False, "name": name, "app_id": APP_ID, "user_id": BOT_USER_ID, "updated": 0}
    return {"ok": True, "bot": bot}
