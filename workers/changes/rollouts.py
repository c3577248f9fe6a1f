"""Rollouts of one workload: the revisions that are new since it was last seen, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from core.change_events import ChangeEvent
from core.observation import FieldChange
from workers.changes import who
from workers.changes.place import Place
from workers.reasoners.words import clean, field_change, listed
from workers.triage.changes import Revision, is_taken_up_again
from workers.triage.differences import differences
from workers.triage.objects import Obj, condition, containers_of, labels_of, moment, name_of, namespace_of, spec_of

RESTARTED = "annotation kubectl.kubernetes.io/restartedAt"
MOST_FIELDS = 20
AGAIN = timedelta(seconds=3)  # a new revision is made after the template is written, not so long before
_SHOWN = 4  # fields in a title


def rollouts(
    workload: Obj, kind: str, revisions: list[Revision], place: Place, *, after: int | None, since: datetime | None,
    ours: bool,
) -> Iterator[ChangeEvent]:  # fmt: skip
    """One change for each revision that is new.

    Args:
        after: The last revision that is known; None when the workload was never seen.
        since: Of a workload that was never seen, revisions from then on are told.
        ours: Whether the bot changed it last.
    """
    pairs: list[tuple[Revision | None, Revision]] = [*pairwise(revisions)]
    if revisions:
        pairs.insert(0, (None, revisions[0]))
    for before, revision in pairs:
        if revision.number <= (after or 0):
            continue
        is_last = revision is revisions[-1]
        back = is_taken_up_again(before, revision)
        at = _at(workload, before, revision, place.since, back=back, is_last=is_last)
        if at is None and is_last and after is not None:  # it was since it was last seen; better told late than not
            at = place.now
        if at is None or (after is None and since and at < since):
            continue
        yield _event(workload, kind, before, revision, place, at=at, back=back, hand=_hand(workload, is_last, ours))


def removed(kind: str, workload: Obj, place: Place) -> ChangeEvent:
    """The workload is there no more."""
    target, uid = f"{kind}/{name_of(workload)}", workload["metadata"].get("uid")
    at = moment(workload["metadata"].get("deletionTimestamp"))
    return place.event(uid, "removed", kind="deploy", target=target, namespace=namespace_of(workload), at=at,
                       title="removed")  # fmt: skip


def version_of(template: Obj, fields: tuple[FieldChange, ...] = ()) -> str:
    """What people call what runs: the tag of the image that changed, else of the first container's."""
    changed = {field.container for field in fields if field.field == "image"}
    containers = list(spec_of(template).get("containers") or ())
    meant = [c for c in containers if c.get("name") in changed] or containers[:1]
    tag = tag_of(str(meant[0].get("image") or "")) if meant else ""
    if not tag or tag == "latest" or tag.startswith("sha256:"):
        labels = labels_of({"metadata": template.get("metadata") or {}})
        tag = labels.get("app.kubernetes.io/version") or tag
    return clean(tag.removeprefix("sha256:")[:12] if tag.startswith("sha256:") else tag, 60)


def tag_of(image: str) -> str:
    """ "1.8.4" of "registry:5000/shop/checkout:1.8.4"; a digest where there is no tag."""
    path, _, digest = image.rpartition("/")[2].partition("@")
    return path.partition(":")[2] or digest


def _event(
    workload: Obj, kind: str, before: Revision | None, revision: Revision, place: Place, *, at: datetime, back: bool,
    hand: str,
) -> ChangeEvent:  # fmt: skip
    fields = tuple(differences(before.template, revision.template)) if before else ()
    templates = (revision.template, before.template) if before else (revision.template,)
    version = version_of(revision.template, fields)
    return place.event(
        workload["metadata"].get("uid"), revision.number, kind="rollback" if back else "deploy",
        target=f"{kind}/{name_of(workload)}", namespace=namespace_of(workload), at=at,
        title=_title(before, revision, fields, version, back), fields=fields[:MOST_FIELDS],
        from_revision=str(before.number) if before else None, to_revision=str(revision.number), version=version,
        by=hand, cause=who.cause_of(revision.notes, *templates) if _is_new(before, revision) else "",
    )  # fmt: skip


def _title(
    before: Revision | None, revision: Revision, fields: tuple[FieldChange, ...], version: str, back: bool
) -> str:
    if before is None:
        images = ", ".join(tag_of(str(c.get("image") or "")) for c in containers_of(spec_of(revision.template)))
        return f"first rollout, image {images}" if revision.number <= 1 else f"rolled out, image {images}"
    if fields and all(field.field == RESTARTED for field in fields):
        return "restarted, every pod is replaced"
    several = len(spec_of(revision.template).get("containers") or ()) > 1
    parts = [
        field_change(field) + (f" (container {field.container})" if several and field.container else "")
        for field in fields if field.field != RESTARTED
    ]  # fmt: skip
    what = listed(parts, _SHOWN) or "rolled out again, nothing differs"
    return f"back to {version}: {what}" if back else what


def _at(
    workload: Obj, before: Revision | None, revision: Revision, since: datetime | None, *, back: bool, is_last: bool
) -> datetime | None:
    """When it was rolled out. A revision that was taken up again does not say, neither by a rollback nor by a release
    that is tried once more; then whoever wrote the template does, or the progress of the rollout. None when nothing
    tells."""
    if not is_last:
        return None if back else revision.created
    written = who.hand_on(workload, "spec", "template").at
    made = revision.created if not back else before.created if before else None
    fresh = not back and since is not None and made is not None and made >= since
    if written and made and not fresh and written - made >= (timedelta(0) if back else AGAIN):
        return written
    return moment(condition(workload, "Progressing").get("lastUpdateTime")) if back else revision.created


def _hand(workload: Obj, is_last: bool, ours: bool) -> str:
    """Who did it; known of the last rollout only."""
    if not is_last:
        return ""
    return who.US if ours else who.named(who.hand_on(workload, "spec", "template"), workload)


def _is_new(before: Revision | None, revision: Revision) -> bool:
    """Whether what is written down about this revision is not simply what was about the one before."""
    return before is None or before.notes.get(who.CAUSE) != revision.notes.get(who.CAUSE)
