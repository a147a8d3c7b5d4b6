"""Distortions one after the other, with one seed: what is done to a file, repeatable from its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vadd.errors import UsageError
from vadd.media.rewrite import Encoding
from vadd.protocol.distort.catalog import make
from vadd.protocol.distort.transform import (
    EncodingTransform,
    Image,
    PictureTransform,
    ReadRecording,
    Sound,
    SoundTransform,
    Transform,
)

__all__ = ["Chain"]

#: Seeds are handed to other processes and written down; so many are enough.
_SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class Chain:
    """Distortions in the order in which they are done.

    Attributes:
        transforms: Those of how the file is written last, as that is what happens last.
        seed: Of all that is drawn; each place in the chain draws for itself.

    Raises:
        UsageError: If another distortion comes after one of how the file is written, one setting is made
            twice, or the seed is no seed.
    """

    transforms: tuple[Transform, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        if type(self.seed) is not int or not 0 <= self.seed < _SEEDS:
            raise UsageError(f"a seed is a whole number from 0 to {_SEEDS - 1}, not {self.seed!r}")
        writing: list[str] = []
        for each in self.transforms:
            if isinstance(each, EncodingTransform):
                # A sound has one codec; a picture a rate factor and a frame rate.
                setting = each.side if each.side == "sound" else each.name
                if setting in writing:
                    raise UsageError(f"{each.name}: the file is written once, so only one of its kind")
                writing.append(setting)
            elif writing:
                raise UsageError(
                    f"{each.name} comes after a distortion of how the file is written, which is done last: "
                    "name that one last"
                )

    def see(self, image: Image, time: float) -> Image:
        """A frame after all that changes the picture."""
        for at, each in enumerate(self.transforms):
            if isinstance(each, PictureTransform):
                image = each.see(image, time, self._seed(at))
        return image

    def hear(self, sound: Sound, read: ReadRecording) -> Sound:
        """The sound after all that changes it."""
        for at, each in enumerate(self.transforms):
            if isinstance(each, SoundTransform):
                sound = each.hear(sound, self._seed(at), read)
        return sound

    @property
    def encoding(self) -> Encoding:
        """How the file is written."""
        encoding = Encoding()
        for each in self.transforms:
            if isinstance(each, EncodingTransform):
                encoding = each.encode(encoding)
        return encoding

    @property
    def recordings(self) -> tuple[str, ...]:
        """Paths of the recordings that are needed, each once."""
        return tuple(dict.fromkeys(path for each in self.transforms for path in each.recordings()))

    def to_json(self) -> dict[str, Any]:
        """Names, parameters and seed, JSON-ready; :meth:`from_json` takes it back."""
        return {
            "seed": self.seed,
            "transforms": [{"name": each.name, **each.parameters()} for each in self.transforms],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Chain:
        """The chain that :meth:`to_json` gave.

        Raises:
            UsageError: If it is no such record.
        """
        listed = record.get("transforms")
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise UsageError("a record of distortions has a list of transforms")
        transforms = [
            make(str(each.get("name")), {key: value for key, value in each.items() if key != "name"})
            for each in listed
        ]
        return cls(tuple(transforms), record.get("seed", 0))

    def _seed(self, at: int) -> int:
        """The seed of one place, so that two of a kind do not draw the same."""
        return int(np.random.SeedSequence([self.seed, at]).generate_state(1, np.uint64)[0] >> np.uint64(1))
