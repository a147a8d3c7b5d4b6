"""What a distortion is: frozen parameters, checked when it is made, and a function of nothing else.

There are three kinds: of a frame, of the samples, and of how the file is written. All are frozen dataclasses
whose parameters are declared with :func:`number`, :func:`whole`, :func:`choice` or :func:`recording`, so that
checking, listing and recording them is written once. What is drawn follows from a seed that is handed in.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vadd.errors import UsageError
from vadd.media.rewrite import Encoding

__all__ = [
    "EncodingTransform", "Image", "PictureTransform", "ReadRecording", "Sound", "SoundTransform",
    "Transform", "choice", "number", "recording", "whole",
]  # fmt: skip

Image: TypeAlias = NDArray[np.uint8]
#: From the name of a recording and a rate to its ``(n,)`` mono samples.
ReadRecording: TypeAlias = Callable[[str, int], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A whole sound.

    Attributes:
        samples: ``(channels, n)`` float32 in [-1, 1], one channel or two.
        rate: Samples a second.
    """

    samples: NDArray[np.float32]
    rate: int


def number(default: float, low: float, high: float, what: str) -> Any:
    """A parameter that is a number from ``low`` to ``high``."""
    return field(default=default, metadata={"kind": "number", "low": low, "high": high, "what": what})


def whole(default: int, low: int, high: int, what: str) -> Any:
    """A parameter that is a whole number from ``low`` to ``high``."""
    return field(default=default, metadata={"kind": "whole", "low": low, "high": high, "what": what})


def choice(default: str, options: Sequence[str], what: str) -> Any:
    """A parameter that is one of some words."""
    return field(default=default, metadata={"kind": "choice", "options": tuple(options), "what": what})


def recording(what: str) -> Any:
    """A parameter that is the path of a recording; there is no default."""
    return field(metadata={"kind": "recording", "what": what})


class Transform(ABC):
    """A distortion with its parameters; subclasses are frozen dataclasses.

    Attributes:
        name: What it is called.
        side: ``picture`` or ``sound``, whichever it changes.
        identity: Parameters with which it changes nothing; ``None`` if there are none such.
    """

    name: ClassVar[str]
    side: ClassVar[str]
    identity: ClassVar[Mapping[str, Any] | None] = None

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]  # all subclasses are dataclasses
            value = _checked(f"{self.name}:{each.name}", getattr(self, each.name), each.metadata)
            object.__setattr__(self, each.name, value)

    def parameters(self) -> dict[str, Any]:
        """All parameters, JSON-ready; the constructor takes them back."""
        return {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]

    def recordings(self) -> tuple[str, ...]:
        """Paths of the recordings that it needs."""
        return tuple(
            getattr(self, each.name)
            for each in fields(self)  # type: ignore[arg-type]
            if each.metadata["kind"] == "recording"
        )


class PictureTransform(Transform):
    """Changes a frame."""

    side: ClassVar[str] = "picture"

    @abstractmethod
    def see(self, image: Image, time: float, seed: int) -> Image:
        """The changed frame.

        Args:
            image: ``(height, width, 3)`` uint8 RGB; is left as it is.
            time: Seconds at which it is shown.
            seed: Of what is drawn.

        Returns:
            ``(height', width', 3)`` uint8; the size depends on the size alone.
        """


class SoundTransform(Transform):
    """Changes a sound."""

    side: ClassVar[str] = "sound"

    @abstractmethod
    def hear(self, sound: Sound, seed: int, read: ReadRecording) -> Sound:
        """The changed sound, in [-1, 1].

        Args:
            sound: All of it; is left as it is.
            seed: Of what is drawn.
            read: Gives the recordings that :meth:`Transform.recordings` names.
        """


class EncodingTransform(Transform):
    """Changes how the file is written."""

    @abstractmethod
    def encode(self, encoding: Encoding) -> Encoding:
        """The settings with what it asks for."""


def _checked(name: str, value: Any, told: Mapping[str, Any]) -> Any:
    """The value of a parameter in its type.

    Raises:
        UsageError: If it is none that the parameter can have.
    """
    if told["kind"] == "choice":
        if value not in told["options"]:
            raise UsageError(f"{name} is one of {', '.join(told['options'])}, not {value!r}")
        return value
    if told["kind"] == "recording":
        if not isinstance(value, str) or not value or "\0" in value:
            raise UsageError(f"{name} is the path of a recording, not {value!r}")
        return value
    low, high = told["low"], told["high"]
    kind = "a whole number" if told["kind"] == "whole" else "a number"
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or not low <= value <= high or (told["kind"] == "whole" and value != int(value)):
        raise UsageError(f"{name} is {kind} from {low:g} to {high:g}, not {value!r}")
    return int(value) if told["kind"] == "whole" else float(value)
