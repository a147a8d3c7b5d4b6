"""How far the two streams of a clip are apart: one scorer a file, and one table of their names.

A scorer gets a row a second of either stream (posteriors over the same scenes, concepts, or embeddings) and
gives one number for the clip, or one for each second; higher is more discrepant. It knows nothing of files.
"""

from __future__ import annotations

from vadd.detect.scorers.base import Posteriors, PosteriorScorer, Scorer, Takes
from vadd.detect.scorers.bhattacharyya import Bhattacharyya
from vadd.detect.scorers.confusions import Confusions, learn_confusions
from vadd.detect.scorers.contrastive import Contrastive
from vadd.detect.scorers.divergence import Divergence
from vadd.detect.scorers.everyday import EverydayScorer
from vadd.detect.scorers.graded import Graded
from vadd.detect.scorers.hard import Hard
from vadd.detect.scorers.seconds import Seconds
from vadd.detect.scorers.table import KINDS, SCORERS, kind, scorer

__all__ = [
    "KINDS", "SCORERS", "Bhattacharyya", "Confusions", "Contrastive", "Divergence", "EverydayScorer",
    "Graded", "Hard", "PosteriorScorer", "Posteriors", "Scorer", "Seconds", "Takes", "kind",
    "learn_confusions", "scorer",
]  # fmt: skip
