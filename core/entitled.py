"""Who may approve, switch modes and resume: whom the configuration names, and nobody else."""

from __future__ import annotations

from collections.abc import Iterable

from core.incident import Incident
from core.remediation import Remediation
from core.settings import Approvers


def nobody(approvers: Approvers) -> bool:
    """Whether nobody is configured, so that nothing can be approved."""
    return not (approvers.groups or approvers.users or approvers.on_call)


def entitled(user: str, groups: Iterable[str], on_call: bool, approvers: Approvers) -> bool:
    """Whether this person may decide. The policy's approval rule says the same of an action.

    Args:
        groups: The Slack user groups that they are in, as read now.
    """
    return user in approvers.users or not set(approvers.groups).isdisjoint(groups) or (approvers.on_call and on_call)


def services_of(rem: Remediation, incident: Incident | None) -> tuple[str, ...]:
    """Being on call for one of these entitles: the service that it is about; those that alert, where it is about none,
    such as a node."""
    one = rem.service or (incident.service if incident else None)
    return (one,) if one else incident.services if incident else ()
