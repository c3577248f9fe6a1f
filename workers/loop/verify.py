"""Stage seven: looks again. Is the symptom gone, is anything downstream worse, and what does a person see of it?"""

from __future__ import annotations

from workers.verify.judging import Verdict, judge
from workers.verify.looking import measure
from workers.verify.outcome import outcome_of
from workers.verify.picture import Graph, picture

__all__ = ["Graph", "Verdict", "judge", "measure", "outcome_of", "picture"]
