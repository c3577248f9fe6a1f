"""Who is in which user group, asked of Slack while somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from typing import TYPE_CHECKING

from core.entitled import entitled, nobody
from core.log import get_logger
from core.pages import STALE_S, is_fresh
from core.records import Records
from core.settings import Settings

if TYPE_CHECKING:
    from slack_sdk import WebClient

log = get_logger(__name__)

WITHIN_S = 2.0  # Slack gives the answer 3 s in all

# Which of these groups a person is in; None when that could not be found out.
GroupsOf = Callable[[str, Sequence[str]], tuple[str, ...] | None]


def slack_groups(settings: Settings, executor: Executor) -> GroupsOf:
    """Asks Slack for all groups at once."""
    from slack_sdk import WebClient

    token = settings.slack_bot_token
    client = WebClient(
        token=token.get_secret_value() if token else None, base_url=settings.slack_api_url, timeout=int(WITHIN_S),
        retry_handlers=[],
    )  # fmt: skip

    def groups_of(user: str, among: Sequence[str]) -> tuple[str, ...] | None:
        asked = {executor.submit(is_member, client, group, user): group for group in dict.fromkeys(among)}
        done, late = wait(asked, WITHIN_S)
        found = {asked[future]: future.result() for future in done}
        member = tuple(group for group in among if found.get(group))
        return member if member or not (late or None in found.values()) else None

    return groups_of


def is_member(client: WebClient, group: str, user: str) -> bool | None:
    """Whether somebody is in a group, as Slack says now; None when it does not say."""
    from slack_sdk.errors import SlackApiError, SlackClientError

    try:
        return user in client.usergroups_users_list(usergroup=group)["users"]
    except SlackApiError as error:
        refusal = error.response.get("error")
        log.warning("group_unreadable", group=group, code=refusal)
        return False if refusal == "no_such_subteam" else None  # nobody is in a group that is not there
    except (SlackClientError, OSError) as error:
        log.warning("group_unreadable", group=group, why=type(error).__name__)
        return None


def may_decide(user: str, records: Records, groups_of: GroupsOf) -> bool | None:
    """Whether this person is entitled; None when that cannot be told, which entitles to nothing."""
    approvers = records.settings.config.approvers
    if nobody(approvers):
        return False
    if entitled(user, (), False, approvers):
        return True
    groups = groups_of(user, approvers.groups) if approvers.groups else ()
    if groups and entitled(user, groups, False, approvers):
        return True
    on_call = _is_on_call(user, records) if approvers.on_call else False
    return True if on_call else None if groups is None or on_call is None else False


def _is_on_call(user: str, records: Records) -> bool | None:
    """Whether this person is on call for any service, as read by the clock within five minutes; None when nobody can
    tell: nothing was read, or one of those on call is not known in Slack."""
    found = [each for each in records.pages.on_call() if is_fresh(each, records.now(), STALE_S)]
    people = [shift.who for each in found for shift in each.now]
    if any(who.slack == user for who in people):
        return True
    services = [name for name, known in records.settings.config.services.items() if known.pagerduty]
    return None if len(found) < len(services) or any(who.slack is None for who in people) else False
