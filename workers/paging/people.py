"""Who somebody is on the other side: people of Slack and of PagerDuty are the same by e-mail address."""

from __future__ import annotations

from core.errors import Refused, SreError, ToolError, Transient
from core.log import get_logger
from core.page import Acknowledgement, OnCall, Page, Person, Shift
from workers.world import World

log = get_logger(__name__)


class NotAbleToAct(SreError):
    """The person cannot act in PagerDuty; the sentence, to them, says why."""


def person_for(user: str, world: World) -> Person:
    """The PagerDuty user of somebody in Slack, with their address.

    Raises: NotAbleToAct, Transient, Unreachable, ToolError.
    """
    assert world.pagerduty is not None
    pages = world.records.pages
    known = pages.known_as(f"person:{user}")
    if known:
        return Person.model_validate_json(known)
    email = _email_of(user, world)
    found = world.pagerduty.user_by_email(email)
    if found is None:
        raise NotAbleToAct(f"You have no user in PagerDuty under {email}, so nothing was done there.")
    found = found.model_copy(update={"slack": user, "email": email})
    pages.note_known(f"person:{user}", found.model_dump_json())
    return found


def _email_of(user: str, world: World) -> str:
    refused = "I may not see your e-mail address, so I cannot act as you in PagerDuty; nothing was done there. "
    hint = "Whoever installed me can add the optional scope users:read.email."
    if world.slack is None:
        raise NotAbleToAct(refused + hint)
    try:
        email = world.slack.email_of(user)
    except Refused as error:
        raise NotAbleToAct(refused + hint) from error
    except Transient as error:
        raise ToolError("your address", "Slack does not answer") from error
    if email is None:
        raise NotAbleToAct(refused + hint)
    return email


def introduced(person: Person, world: World) -> Person:
    """The person with their Slack user id, where both sides tell; else as they were."""
    pages = world.records.pages
    if person.slack:
        return person
    known = pages.known_as(f"slack-of:{person.id}")
    if known is None:
        try:
            known = _slack_of(person, world)
        except SreError as error:  # shown by name
            log.info("person_not_looked_up", person=person.id, why=str(error))
            return person
        pages.note_known(f"slack-of:{person.id}", known)
    return person.model_copy(update={"slack": known}) if known else person


def _slack_of(person: Person, world: World) -> str:
    if world.slack is None:
        return ""
    email = person.email
    if email is None and world.pagerduty:
        held = world.pagerduty.user(person.id)
        email = held.email if held else None
    if email is None:
        return ""
    try:
        return world.slack.user_by_email(email) or ""
    except Refused as error:
        log.info("address_not_looked_up", code=error.code)
        return ""


def introduced_all(page: Page, world: World) -> Page:
    """A page whose people are known in Slack as far as may be."""
    return page.model_copy(
        update={
            "assigned": tuple(introduced(person, world) for person in page.assigned),
            "acknowledgements": tuple(
                Acknowledgement(by=introduced(held.by, world), at=held.at) for held in page.acknowledgements
            ),
        }
    )


def introduced_shifts(found: OnCall, world: World) -> OnCall:
    def known(shifts: tuple[Shift, ...]) -> tuple[Shift, ...]:
        return tuple(Shift(who=introduced(shift.who, world), until=shift.until) for shift in shifts)

    return found.model_copy(update={"now": known(found.now), "then": known(found.then)})
