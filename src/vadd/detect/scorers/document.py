"""A scorer as a file holds it, and back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vadd.detect.recalibrate import Recalibration
from vadd.detect.scorers.base import Scorer
from vadd.detect.scorers.confusions import Confusions
from vadd.detect.scorers.graded import Graded
from vadd.detect.scorers.table import SCORERS
from vadd.errors import ModelError

__all__ = ["RecalibrationDocument", "ScorerDocument", "ScorerName"]

ScorerName = Literal["hard", "seconds", "graded", "divergence", "bhattacharyya", "confusions"]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RecalibrationDocument(_Document):
    """A :class:`vadd.detect.recalibrate.Recalibration`."""

    temperature: float
    bias: tuple[float, ...]
    confusions: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, value: Recalibration) -> RecalibrationDocument:
        """The document of a recalibration."""
        return cls(temperature=value.temperature, bias=value.bias, confusions=value.confusions)

    def value(self) -> Recalibration:
        """The recalibration of this document; raises :class:`ValueError` for one that makes no sense."""
        return Recalibration(self.temperature, self.bias, self.confusions)


class ScorerDocument(_Document):
    """A scorer of scene posteriors with its parameters.

    Attributes:
        name: In the table of scorers.
        doubt: Of ``graded`` and ``confusions``.
        prior: Of ``graded``.
        picture: Of ``confusions``; likewise ``sound``.
    """

    name: ScorerName
    doubt: Annotated[float, Field(gt=0, lt=1)] | None = None
    prior: tuple[float, ...] | None = None
    picture: RecalibrationDocument | None = None
    sound: RecalibrationDocument | None = None

    @classmethod
    def of(cls, scorer: Scorer) -> ScorerDocument:
        """The document of a scorer.

        Raises:
            ValueError: If it is none of scene posteriors.
        """
        if isinstance(scorer, Graded):
            return cls(name="graded", doubt=scorer.doubt, prior=scorer.prior)
        if isinstance(scorer, Confusions):
            picture, sound = RecalibrationDocument.of(scorer.picture), RecalibrationDocument.of(scorer.sound)
            return cls(name="confusions", doubt=scorer.doubt, picture=picture, sound=sound)
        if SCORERS.get(scorer.name) is not scorer:
            raise ValueError(f"the scorer {scorer.name} is no scorer of scene posteriors")
        return cls.model_validate({"name": scorer.name})

    def scorer(self) -> Scorer:
        """The scorer of this document.

        Raises:
            ModelError: If its parameters are not those of such a scorer.
        """
        given = {name for name in ("doubt", "prior", "picture", "sound") if getattr(self, name) is not None}
        wanted = {"graded": {"doubt"}, "confusions": {"doubt", "picture", "sound"}}.get(self.name, set())
        if given - {"prior"} != wanted or ("prior" in given and self.name != "graded"):
            raise ModelError(
                f"the scorer {self.name} has the parameters {', '.join(sorted(wanted)) or 'none'}, not "
                f"{', '.join(sorted(given)) or 'none'}"
            )
        try:
            if self.name == "graded":
                return Graded(self.doubt or 0.0, self.prior)
            if self.picture is not None and self.sound is not None:
                return Confusions(self.picture.value(), self.sound.value(), self.doubt or 0.0)
        except ValueError as error:
            raise ModelError(f"the scorer {self.name} cannot be used: {error}") from error
        return SCORERS[self.name]
