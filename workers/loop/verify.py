"""Stage seven: looks again. Is the symptom gone, is anything downstream worse, and what does a person see of it?"""

from __future__ import annotations

from workers.verify.judging import WINDOW_S, Verdict, judge, ripened
from workers.verify.looking import measure
from workers.verify.outcome import outcome_of
from workers.verify.picture import Graph, picture

__all__ = ["WINDOW_S", "Graph", "Verdict", "judge", "measure", "outcome_of", "picture", "ripened"]
