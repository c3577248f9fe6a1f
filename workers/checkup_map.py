"""What `sre-bot doctor` says of the service map: what was written, what was seen, and what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from blocks.parts import counted
from core.backstage import read_catalogue
from core.records import Records
from core.service_map import ServiceMap
from core.settings import Config

_NAMED = 5


def said_of_map(records: Records) -> Iterator[tuple[bool, str]]:
    """One sentence each, and whether it is well. Raises: ConfigError."""
    config = records.settings.config
    found = read_catalogue(config.backstage, config.clusters)
    known = records.service_map(None)
    yield bool(config.services), _counted(config, len(found.services), known)
    if lonely := [name for name in sorted(config.services) if _is_lonely(name, config, known)]:
        yield False, (f"nobody wrote or saw what calls {_named(lonely)} or is called by it, so a repair counts nothing "
                      "downstream; write depends_on, if only as [].")  # fmt: skip
    if found.unknown:
        yield False, f"Backstage's files name {_named(list(found.unknown))}, of which they have no description."
    if found.not_read:
        yield False, f"Backstage's locations {_named(list(found.not_read))} are addresses; only files are read."


def _is_lonely(name: str, config: Config, known: ServiceMap) -> bool:
    written = "depends_on" in config.services[name].model_fields_set
    return not (written or known.calls.get(name) or known.called_by.get(name))


def _counted(config: Config, from_backstage: int, known: ServiceMap) -> str:
    if not config.services:
        return "no service is listed (services in SRE_CONFIG), so the map is only what is seen."
    written = sum(len(service.depends_on) for service in config.services.values())
    by = sorted(set(known.seen_by.values()))
    seen = f", {len(known.seen_by)} more seen by {' and '.join(by)}" if by else ", none seen beside them"
    backstage = f" ({from_backstage} described by Backstage)" if from_backstage else ""
    return f"{counted(len(config.services), 'service')}{backstage}, {counted(written, 'call')} written{seen}"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(islice(names, _NAMED)) + more
