"""Home tabs of those who opened theirs within the day, kept true without anybody's click."""

from __future__ import annotations

from datetime import timedelta

from blocks.home import home_view
from core.errors import Conflict, Refused, Transient
from core.home import Situation, bring_up_to_date, digest_of, read_home, read_situation
from core.log import get_logger
from core.records import Records
from workers.ports import Slack

log = get_logger(__name__)

_LATELY = timedelta(days=1)
_MOST = 50  # a run; Slack takes some 100 a minute (Tier 4), and people's own clicks come out of the same


def show_homes(records: Records, slack: Slack) -> None:
    """Publish those that should read otherwise, the longest untouched first; the rest in a minute. Safe to repeat."""
    published, situation = 0, read_situation(records)
    for user in records.homes.opened_since(records.now() - _LATELY):
        if published >= _MOST:
            return
        try:
            published += _show(user, situation, records, slack)
        except Conflict as error:  # they are using it at this moment, which shows it too
            log.info("home_not_shown", why=str(error))
        except Refused as error:  # they left, or the tab is switched off
            log.warning("home_refused", code=error.code)
            records.homes.forget(user)
        except Transient as error:
            log.info("homes_put_off", why=str(error), delay_s=error.retry_after_s)
            return


def _show(user: str, situation: Situation, records: Records, slack: Slack) -> bool:
    quick = home_view(read_home(user, situation, records), records.now())
    if records.homes.shown(user).digest == digest_of(quick):
        return False
    return bring_up_to_date(user, records, lambda home: home_view(home, records.now()), slack.publish_home)
