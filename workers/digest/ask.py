"""Digests on demand: for whoever asked alone, and then for the channel, once."""

from __future__ import annotations

from blocks.digest import digest_view
from blocks.replies import reply
from core.digest import Digest
from core.digest_times import zone_of
from core.records import Records
from core.request import Request
from core.since import since
from workers.digest.making import make
from workers.digest.send import period_of, post, sources
from workers.telling import tell
from workers.world import World

_POSTED_S = 7 * 86_400  # as long as the request itself is kept


def answer(request: Request, world: World) -> None:
    """Tell who asked, with a button that posts it. Raises: Transient while Slack puts it off."""
    if world.slack:
        shared = None if request.channel.startswith("D") else request.id
        tell(request, digest_view(_made(request, world), greets=False, post=shared), world.slack)


def post_answer(request: Request, asked_by: Request, world: World) -> None:
    """Post what somebody was told to where they asked, with its thread and picture. What it covers is what they read.
    Safe to repeat: it is posted once.

    Args:
        asked_by: Who pressed the button, and how they are answered.
    """
    records, done = world.records, f"digest-posted:{request.id}"
    if records.switches.find(done):
        said = "It is posted already."
    else:
        post(_made(request, world), f"digest/{request.channel}/{request.id}", request.channel, records, greets=False)
        records.switches.set(done, "1", for_s=_POSTED_S)
        said = "Posted; its chart and its thread come with it."
    if world.slack:
        tell(asked_by, reply(said), world.slack)


def _made(request: Request, world: World) -> Digest:
    """As of when it was asked for, so that what is posted covers what was read."""
    records: Records = world.records
    start = since(request.text, request.asked_at, zone_of(records, request.channel))
    return make(records, period_of(request.channel, start, request.asked_at, records), sources(world))
