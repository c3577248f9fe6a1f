"""Makes wishes true in PagerDuty, one by one: at least once, and looked up before anything is sent a second time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from blocks.replies import reply
from core.errors import Absent, NotFound, Refused, SreError, ToolError, Transient, Unreachable
from core.incident import Incident
from core.log import get_logger
from core.opening import note, show_soon
from core.page import Change, Page, Person, Wish
from core.paging import page_claim
from core.records import Records
from core.wishing import own_dedup, send_soon
from workers.paging.people import NotAbleToAct, introduced_all, person_for
from workers.paging.take import ended, keep, page_of, tell
from workers.ports import PagerDuty
from workers.world import World

log = get_logger(__name__)

LONGEST_WAIT_S = 300.0
GIVE_UP = timedelta(hours=24)
AWAY = "pagerduty.away"  # it did not answer a moment ago, so that nobody waits for it now
_AWAY_S = 15
_LOCK_S = 60.0
_CLOCKS = timedelta(minutes=2)  # how far PagerDuty's clock may be from ours
_NOT_ALLOWED = frozenset({"1018", "2010", "403"})
_ALREADY_OVER = "1001"
_KEY_TAKEN = "2002"
LAST_LEVEL = "last_level"
_SENTENCES = {
    LAST_LEVEL: "It is at the last level of its escalation policy already, so nobody else was called.",
    "no_integration": "That service has no integration of the type Events API V2 in PagerDuty; add one there.",
    "1006": "PagerDuty has no further level to escalate to.",
    "1008": "PagerDuty does not know the address that I act under; check PAGERDUTY_FROM.",
    "2016": "PagerDuty wants to know in whose name I act; set PAGERDUTY_FROM.",
    "1015": "Nobody is on call there, so nobody was called.",
    _ALREADY_OVER: "It is resolved in PagerDuty already.",
}  # fmt: skip


def send(key: str, world: World) -> None:
    """Make one wish true, or put it off. Safe to repeat."""
    records = world.records
    wish = records.pages.find_wish(key)
    if wish is None or wish.state != "waiting" or world.pagerduty is None:
        return
    with records.redis.lock(f"sre:wishing:{wish.incident}", timeout=_LOCK_S, blocking_timeout=_LOCK_S):
        wish = records.pages.find_wish(key) or wish
        if wish.state == "waiting":
            _send(wish, world)


def _send(wish: Wish, world: World) -> None:
    records = world.records
    try:
        if away := records.switches.find(AWAY):
            raise Transient(away, _AWAY_S)
        incident = records.incidents.holder(wish.incident)
        if incident is None:
            raise NotAbleToAct("That incident is gone, so nothing was done in PagerDuty.")
        thing = _ACTS[wish.kind](_Errand(wish, incident, world))
    except NotAbleToAct as error:
        _refuse(wish, str(error), world)
    except (Refused, NotFound, Absent) as error:
        _refuse(wish, _sentence(error), world)
    except (Transient, Unreachable, ToolError) as error:
        _put_off(wish, error, world)
    else:
        records.switches.mark_reachable("PagerDuty")
        records.pages.update_wish(wish.key, lambda w: w.model_copy(update={"state": "done", "thing": thing}))
        data = {"wish": wish.kind, "thing": thing}
        note("pagerduty.told", incident.id, records, wish.by or "bot", {k: v for k, v in data.items() if v})
        if wish.failures:
            show_soon(incident.id, records)


class _Errand:
    """One wish on its way, with what it takes."""

    def __init__(self, wish: Wish, incident: Incident, world: World) -> None:
        assert world.pagerduty is not None
        self.wish, self.incident, self.world = wish, incident, world
        self.pagerduty: PagerDuty = world.pagerduty
        self.records: Records = world.records

    def person(self) -> Person:
        """Who acts. Raises: NotAbleToAct."""
        if self.wish.by:
            return person_for(self.wish.by, self.world)
        address = self.records.settings.pagerduty_from
        if address is None:
            raise NotAbleToAct("I have no user of my own in PagerDuty: set PAGERDUTY_FROM.")
        found = self.pagerduty.user_by_email(address)
        if found is None:
            raise NotAbleToAct(f"PagerDuty knows no user {address}; correct PAGERDUTY_FROM.")
        return found.model_copy(update={"email": address})

    def page_id(self) -> str:
        """Of the incident there. Raises: NotAbleToAct."""
        page = self.incident.pagerduty
        if self.wish.page is None and page is None:
            raise NotAbleToAct(f"{self.incident.id} is not in PagerDuty; Page someone, under ⋯ on its card, opens it.")
        return self.wish.page or (page.id if page else "")

    def begin(self) -> bool:
        """Note that it may arrive from now on; whether that may have been before."""
        before = self.wish.attempted
        if not before:
            begun = {"attempted": True, "sent_at": self.records.now()}
            self.wish = self.records.pages.update_wish(self.wish.key, lambda w: w.model_copy(update=begun))
        return before

    def show(self, page: Page, kind: str, by: Person) -> None:
        """What the answer says, as a webhook would; the webhook finds it done."""
        page = introduced_all(page.model_copy(update={"ended_by_person": kind == "resolved"}), self.world)
        held = page_of(self.incident, page.id)
        newest = held if held and _is_behind(page, held) else page
        self.incident = keep(self.incident, newest, self.records)
        to = newest.assigned if kind in ("escalated", "triggered") else ()
        # It follows what is known, whatever the clocks say.
        at = max((self.records.now(), *(change.at for change in self.records.pages.changes(self.incident.id))))
        change = Change(id=f"wish:{self.wish.key}", kind=kind, number=page.number, at=at, by=by, to=to)
        tell(self.incident, change, self.records)
        ended(self.incident, newest, by.slack or by.name, self.records)


def _is_behind(page: Page, held: Page) -> bool:
    """Whether a webhook told more by now; the API tells whole seconds only."""
    return held.as_of.replace(microsecond=0) > page.as_of or (not held.is_open and held.as_of >= page.as_of)


def _acknowledge(errand: _Errand) -> str:
    by, page_id = errand.person(), errand.page_id()
    if errand.begin():
        held = errand.pagerduty.page(page_id)
        if not held.is_open or by.id in {who.id for who in held.acknowledged_by}:
            errand.show(held, "acknowledged" if held.is_open else "resolved", by)
            return ""
    errand.show(errand.pagerduty.acknowledge(page_id, str(by.email)), "acknowledged", by)
    return ""


def _resolve(errand: _Errand) -> str:
    by, page_id = errand.person(), errand.page_id()
    errand.begin()
    try:
        page = errand.pagerduty.resolve(page_id, str(by.email))
    except Refused as error:
        if error.code != _ALREADY_OVER:
            raise
        page = errand.pagerduty.page(page_id)  # by us, whose answer was lost, or by somebody else
    errand.show(page, "resolved", by)
    return ""


def _escalate(errand: _Errand) -> str:
    by, page_id = errand.person(), errand.page_id()
    if errand.begin() and _logged(errand, page_id, "escalate", by):
        errand.show(errand.pagerduty.page(page_id), "escalated", by)
    else:
        try:
            errand.show(errand.pagerduty.escalate(page_id, str(by.email)), "escalated", by)
        except Refused as error:
            if error.code != LAST_LEVEL or not errand.wish.text:
                raise
    if errand.wish.text:  # the bot says why, also when there is nobody further to call
        return _noted(errand, page_id, by, looked=True)
    return ""


def _note(errand: _Errand) -> str:
    by, page_id = errand.person(), errand.page_id()
    return _noted(errand, page_id, by, looked=errand.begin())


def _noted(errand: _Errand, page_id: str, by: Person, *, looked: bool) -> str:
    """The note's id; ours from now on, so that it is known when it comes back."""
    if looked:
        since = (errand.wish.sent_at or errand.wish.at) - _CLOCKS
        for held in errand.pagerduty.notes(page_id):
            if held.author == by.id and held.at >= since and _gist(held.text).startswith(_gist(errand.wish.text)):
                errand.records.pages.own(held.id)
                return held.id
    made = errand.pagerduty.note(page_id, errand.wish.text + _link(errand), str(by.email))
    errand.records.pages.own(made)
    return made


def _page(errand: _Errand) -> str:
    """Ask somebody to help; where it is not in PagerDuty yet, open it there."""
    wish, held = errand.wish, errand.incident.pagerduty
    target = _whom(errand)
    if held and held.is_open and target:
        by = errand.person()
        if not (errand.begin() and _logged(errand, held.id, "responder_request", by)):
            errand.pagerduty.ask_to_help(held.id, target, wish.text + _link(errand), by)
        return held.id
    if held and held.is_open:
        raise NotAbleToAct("Choose whom to page: a person or a team.")
    if not wish.on_page:
        raise NotAbleToAct("I do not know which service of PagerDuty this is: set services.….pagerduty in SRE_CONFIG.")
    dedup = own_dedup(errand.incident, errand.records)  # claimed for ours before it can come back
    errand.begin()
    if target is None:
        link = _link(errand).strip() or None
        details = {"said": wish.text, "incident": errand.incident.id}
        errand.pagerduty.trigger(wish.on_page, f"{errand.incident.id}: {_head(wish.text)}", details, dedup, link)
        return dedup
    by = errand.person()
    try:
        page = errand.pagerduty.open(
            wish.on_page, f"{errand.incident.id}: {_head(wish.text)}", wish.text + _link(errand), dedup, target,
            str(by.email),
        )  # fmt: skip
    except Refused as error:
        found = errand.pagerduty.find_page(dedup) if error.code == _KEY_TAKEN else None
        if found is None:
            raise
        page = found  # by us: its answer was lost
    errand.records.incidents.claim(page_claim(page.id), errand.incident.id)
    errand.show(page, "triggered", by)
    return page.id


def _whom(errand: _Errand) -> str | None:
    """The target as PagerDuty calls it. Raises: NotAbleToAct."""
    target = errand.wish.target
    if target is None or target.startswith("policy:"):
        return target
    try:
        return person_for(target, errand.world).id
    except NotAbleToAct as error:
        raise NotAbleToAct("Whom you chose has no user in PagerDuty that I can find, so nobody was paged.") from error


def _logged(errand: _Errand, page_id: str, kind: str, by: Person) -> bool:
    """Whether PagerDuty's own log has it, since it was first tried."""
    since = (errand.wish.sent_at or errand.wish.at) - _CLOCKS
    return any(line.kind == kind and line.agent == by.id for line in errand.pagerduty.log(page_id, since))


def _link(errand: _Errand) -> str:
    """Where it is in Slack: the very message, else the card; "" while neither is posted."""
    outbox, slack = errand.records.outbox, errand.world.slack
    for key in filter(None, (errand.wish.link, f"{errand.incident.id}/card")):
        message = outbox.find(key)
        if message and message.permalink:
            return f"\n{message.permalink}"
        if message and message.ts and slack:
            try:
                return f"\n{slack.permalink(message.channel, message.ts)}"
            except SreError as error:
                log.info("no_link", key=key, why=str(error))
    return ""


_ACTS: dict[str, Callable[[_Errand], str]] = {
    "acknowledge": _acknowledge, "resolve": _resolve, "escalate": _escalate, "note": _note, "page": _page,
}  # fmt: skip


def _put_off(wish: Wish, error: SreError, world: World) -> None:
    """Try again later, for a day; whoever waits for it is told once."""
    records = world.records
    if records.now() - wish.at > GIVE_UP:
        _refuse(wish, "PagerDuty did not take it for a day, so I gave it up.", world)
        return
    failed = records.pages.update_wish(wish.key, lambda w: w.model_copy(update={"failures": w.failures + 1}))
    delay_s = max(getattr(error, "retry_after_s", 1.0), min(LONGEST_WAIT_S, 2.0 ** min(failed.failures, 9)))
    log.warning("pagerduty_put_off", wish=wish.key, failures=failed.failures, delay_s=delay_s, why=str(error))
    if not isinstance(error, ToolError):
        records.switches.mark_unreachable("PagerDuty", records.now())
        if not records.switches.find(AWAY):
            records.switches.set(AWAY, str(error), for_s=_AWAY_S)
    send_soon(wish.key, records, delay_s)
    if failed.failures == 1:
        show_soon(wish.incident, records)
        _tell(wish, "PagerDuty does not answer; I keep it and go on trying.", world)


def _refuse(wish: Wish, sentence: str, world: World) -> None:
    records = world.records
    records.pages.update_wish(wish.key, lambda w: w.model_copy(update={"state": "refused"}))
    note("pagerduty.refused", wish.incident, records, wish.by or "bot", {"wish": wish.kind, "why": sentence})
    if wish.failures:
        show_soon(wish.incident, records)
    _tell(wish, sentence, world)


def _tell(wish: Wish, sentence: str, world: World) -> None:
    """To whoever wished it, alone."""
    if world.slack is None or wish.by is None:
        return
    try:
        if wish.response_url:
            world.slack.respond(wish.response_url, reply(sentence), wish.thread_ts)
        elif wish.channel:
            world.slack.whisper(wish.channel, wish.by, reply(sentence), wish.thread_ts)
    except SreError as error:  # the ledger has it
        log.warning("wish_not_answered", wish=wish.key, why=str(error))


def _sentence(error: Refused | NotFound | Absent) -> str:
    if not isinstance(error, Refused):
        return "PagerDuty has that incident no more, so nothing was done there."
    if error.code in _NOT_ALLOWED:
        return "PagerDuty does not let you do that: your role there may only look."
    return _SENTENCES.get(error.code, f"PagerDuty refused it (code {error.code}), so nothing was done there.")


def _head(text: str) -> str:
    return " ".join(text.split())[:200] or "somebody is needed"


def _gist(text: str) -> str:
    return " ".join(text.split())
