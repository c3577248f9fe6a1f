"""The draft without a model: each part's facts as they are, in their order."""

from __future__ import annotations

from collections.abc import Mapping

from core.mask import mask
from core.postmortem import PARTS, Draft, Part, Section, Sentence
from workers.postmortem.citations import cited, in_order
from workers.postmortem.gather import gather
from workers.postmortem.material import Material
from workers.postmortem.words import one_line


def assemble(material: Material, facts: Mapping[Part, tuple[Sentence, ...]] | None = None) -> Draft:
    """A draft in which every sentence cites something that exists; the others are struck out, and counted."""
    sources = material.sources()
    sections: list[Section] = []
    struck = 0
    given = facts if facts is not None else gather(material)
    for part in PARTS:
        kept, lost = cited(given.get(part, ()), sources)
        sections.append(Section(part=part, sentences=tuple(_masked(s, material.secrets) for s in kept)))
        struck += lost
    incident = material.incident
    title = mask(one_line(incident.title, 200), material.secrets)
    used = (cite for section in sections for sentence in section.sentences for cite in sentence.cites)
    return Draft(
        incident=incident.id, title=title, at=material.now, still_open=incident.is_open,
        sections=tuple(sections), sources=in_order(used, sources), struck=struck,
        could_not_read=material.could_not_read,
    )  # fmt: skip


def _masked(sentence: Sentence, secrets: tuple[str, ...]) -> Sentence:
    return sentence.model_copy(update={"text": mask(sentence.text, secrets)})
