"""A made-up store in the shape of TAU, of which it is known how well it can be classified at all.

Each modality sees a clip through a hidden vector: the scene's (vehicles are alike, and so are rooms, and
streets; the pairs that the paper finds confused are closer still), plus the city's, plus the location's,
plus the clip's own, plus the second's. An embedder turns the hidden vector into its own dimensions by a
random rotation and adds noise and an offset. All that is added is Gaussian, so the best possible answer,
for a clip from a location never seen, is a formula; how often it is right is found by trying.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed.base import Modality
from vadd.embed.store import EmbedderRecord, Store, StoredClip
from vadd.errors import ProtocolError, UsageError
from vadd.protocol.tau import TauClip
from vadd.scenes import INDOOR_OUTDOOR_VEHICLE, TAU, coarsen

__all__ = ["DIMENSIONS", "World", "bayes", "bayes_here", "invented_clips", "make", "thinned"]

#: The paper's six in its order and with the dimensions of our embedders, and the modality of each.
DIMENSIONS: Mapping[str, tuple[Modality, int]] = {
    "vit_h14_swag": (Modality.PICTURE, 1000),
    "clip_h14_laion2b": (Modality.PICTURE, 1024),
    "resnet50_places365": (Modality.PICTURE, 2048),
    "openl3_music_mel256": (Modality.SOUND, 512),
    "pann_wavegram_logmel_cnn14": (Modality.SOUND, 2048),
    "iov_cnn420": (Modality.SOUND, 256),
}
#: Scenes that the paper names as confused.
_PAIRS = (("bus", "tram"), ("airport", "shopping_mall"), ("public_square", "street_pedestrian"))
#: Sizes of what makes the scenes differ: kind of place, confused pair, scene itself.
_KIND, _PAIR, _SCENE = 1.0, 0.6, 0.75
#: Sizes of what hides it: city, location, clip, second; all times the confusability. With 1 the best
#: accuracies are near what the paper reports of its classifiers.
_CITY, _LOCATION, _CLIP, _SECOND = 0.25, 0.15, 0.65, 0.7
#: How much more the sound hides than the picture, so that as in the paper it is the worse witness.
_HIDDEN = {Modality.PICTURE: 1.0, Modality.SOUND: 1.6}
#: Of the hidden vector, unless an embedder has fewer dimensions.
_HIDDEN_DIM = 16
#: Noise in each dimension of an embedding, beside a hidden vector of a length of some units.
_NOISE = 0.05
#: What the augmented twin of a clip differs by.
_TWIN = 0.2
SECONDS = 10
#: Clips that are drawn to find the best accuracy: a standard error of at most 0.35 points.
DRAWS = 20_000
_WORDS = {Modality.PICTURE: "visual", Modality.SOUND: "audio"}
#: Clips made at a time.
_CLIPS = 400
#: What a store of TAU's shape has.
ALL_CLIPS = 12_291
_CITIES = (
    "barcelona", "helsinki", "lisbon", "london", "lyon", "milan", "paris", "prague", "stockholm", "vienna",
)  # fmt: skip
#: Of 431 locations in TAU 305 are for training, with 28 clips each on average.
_LOCATION_CLIPS, _TRAIN_SHARE = 28, 0.7


@dataclass(frozen=True, slots=True, eq=False)
class _Modality:
    """What one modality can know.

    Attributes:
        scenes: ``(10, q)`` hidden vectors of the scenes.
        cities: ``(cities, q)``.
        location: Size of what a location adds; likewise ``clip`` and ``second``.
        embedders: How many look at it.
    """

    scenes: NDArray[np.float64]
    cities: NDArray[np.float64]
    location: float
    clip: float
    second: float
    embedders: int

    def variance(self, seconds: int) -> float:
        """Of the mean of what ``seconds`` seconds of a clip show, given its scene and its city."""
        noise = self.second**2 + _NOISE**2 / self.embedders
        return self.location**2 + self.clip**2 + noise / seconds


class World:
    """What the clips are drawn from.

    Args:
        clips: The clips, which say how often each scene and each city within it occurs.
        dims: Embedder → dimensions; names of :data:`DIMENSIONS`.
        confusability: Times that everything which hides the scene is enlarged, above 0.
        seed: Of all that is drawn.

    Raises:
        UsageError: If an embedder is unknown, a dimension is below 2, or the confusability not above 0.
        ProtocolError: If a clip has a scene that is not one of TAU's.
    """

    def __init__(
        self, clips: Sequence[TauClip], dims: Mapping[str, int], *, confusability: float, seed: int
    ) -> None:
        if not 0 < confusability < float("inf"):
            raise UsageError(f"the confusability must be above 0, not {confusability}")
        for name, dim in dims.items():
            if name not in DIMENSIONS:
                raise UsageError(f"there is no embedder {name!r}; there are {', '.join(DIMENSIONS)}")
            if dim < 2:
                raise UsageError(f"{name} needs at least 2 dimensions, not {dim}")
        if not dims:
            raise UsageError("no embedder is given")
        strange = sorted({clip.scene for clip in clips} - set(TAU.scenes))
        if strange:
            raise ProtocolError(f"{strange[0]!r} is not one of TAU's scenes: {', '.join(TAU.scenes)}")
        self.seed, self.dims = seed, dict(dims)
        self.cities = sorted({clip.city for clip in clips})
        self.hidden = min(_HIDDEN_DIM, *dims.values())
        self.counts = np.zeros((len(TAU), len(self.cities)))
        for clip in clips:
            self.counts[TAU.index(clip.scene), self.cities.index(clip.city)] += 1
        self.modalities = {
            modality: self._modality(modality, confusability * _HIDDEN[modality])
            for modality in Modality
            if any(DIMENSIONS[name][0] is modality for name in dims)
        }

    def rng(self, *what: str) -> np.random.Generator:
        """Random numbers for something that has a name, the same whatever else was drawn."""
        words = [self.seed, *(zlib.crc32(word.encode()) for word in what)]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))

    def _modality(self, modality: Modality, size: float) -> _Modality:
        rng = self.rng("scenes", modality)
        kinds = rng.standard_normal((len(INDOOR_OUTDOOR_VEHICLE), self.hidden))
        scenes = _SCENE * rng.standard_normal((len(TAU), self.hidden))
        for at, kind in enumerate(coarsen(TAU, INDOOR_OUTDOOR_VEHICLE)):
            scenes[at] += _KIND * kinds[kind or 0]
        for pair in _PAIRS:
            middle = scenes[[TAU.index(scene) for scene in pair]].mean(axis=0)
            for scene in pair:
                at = TAU.index(scene)
                scenes[at] = middle + _PAIR * (scenes[at] - middle)
        return _Modality(
            scenes=scenes,
            cities=size * _CITY * rng.standard_normal((len(self.cities), self.hidden)),
            location=size * _LOCATION,
            clip=size * _CLIP,
            second=size * _SECOND,
            embedders=sum(DIMENSIONS[name][0] is modality for name in self.dims),
        )

    def lens(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """How an embedder shows the hidden vector: ``(q, dim)`` orthonormal rows and a ``(dim,)`` offset."""
        rng = self.rng("lens", name)
        square = rng.standard_normal((self.dims[name], self.hidden))
        turned = np.linalg.qr(square)[0].T
        return turned.astype(np.float32), rng.standard_normal(self.dims[name]).astype(np.float32)

    def hidden_seconds(self, modality: Modality, clip: TauClip, *, twin: bool) -> NDArray[np.float64]:
        """``(SECONDS, q)`` hidden vectors of a clip."""
        what = self.modalities[modality]
        place = self.rng("location", modality, clip.scene, clip.city, clip.location)
        own = self.rng("clip", modality, clip.name)
        base = what.scenes[TAU.index(clip.scene)] + what.cities[self.cities.index(clip.city)]
        base = base + what.location * place.standard_normal(self.hidden)
        base = base + what.clip * own.standard_normal(self.hidden)
        seconds: NDArray[np.float64] = base + what.second * own.standard_normal((SECONDS, self.hidden))
        if twin:
            seconds = seconds + _TWIN * own.standard_normal((SECONDS, self.hidden))
        return seconds


def bayes(world: World, *, draws: int = DRAWS, seconds: int = SECONDS) -> dict[str, dict[str, float]]:
    """The share of clips that the best possible classifier gets right, in locations it never saw.

    It knows the world but for the location, and takes a clip's seconds together.

    Args:
        world: What the clips are drawn from.
        draws: Clips that are tried; the standard error is at most ``0.5 / sqrt(draws)``.
        seconds: Of each.

    Returns:
        ``"10"`` and ``"3"`` (classes) → ``joint``, ``visual``, ``audio`` → share, 0-1; what the world
        lacks is left out.
    """
    rng = world.rng("bayes")
    drawn = rng.choice(world.counts.size, size=draws, p=(world.counts / world.counts.sum()).ravel())
    scene, city = np.divmod(drawn, len(world.cities))
    shown = {
        modality: what.scenes[scene]
        + what.cities[city]
        + np.sqrt(what.variance(seconds)) * rng.standard_normal((draws, world.hidden))
        for modality, what in world.modalities.items()
    }
    return _shares(world, scene, shown, seconds)


def bayes_here(world: World, clips: Sequence[TauClip]) -> dict[str, dict[str, float]]:
    """The same of these very clips: a test fold has few locations, so its share may lie off the mean.

    Args:
        world: What they are drawn from.
        clips: Some clips, at least one.

    Returns:
        As :func:`bayes`. The embedders' own noise, which hardly matters, is left out.
    """
    scene = np.array([TAU.index(clip.scene) for clip in clips])
    shown = {
        modality: np.stack([world.hidden_seconds(modality, clip, twin=False).mean(axis=0) for clip in clips])
        for modality in world.modalities
    }
    return _shares(world, scene, shown, SECONDS)


def _shares(
    world: World, scene: NDArray[np.intp], shown: Mapping[Modality, NDArray[np.float64]], seconds: int
) -> dict[str, dict[str, float]]:
    """How often the scene with the highest posterior is the true one.

    Args:
        world: Known to whoever judges, cities and all.
        scene: ``(n,)`` true scenes.
        shown: Modality → ``(n, q)`` mean hidden vector of a clip's seconds, as far as it shows.
        seconds: How many seconds that is.
    """
    # What never occurs gets a logarithm that is finite and far below all others.
    prior = np.log(np.maximum(world.counts / world.counts.sum(), 1e-300))
    evidence: dict[str, NDArray[np.float64]] = {}
    for modality, mean in shown.items():
        what = world.modalities[modality]
        centres = (what.scenes[:, None] + what.cities[None]).reshape(-1, world.hidden)
        distance = (centres**2).sum(axis=1) - 2 * mean @ centres.T
        logs = -distance / (2 * what.variance(seconds))
        evidence[_WORDS[modality]] = logs.reshape(len(mean), *prior.shape)
    if len(evidence) > 1:
        evidence["joint"] = np.sum(list(evidence.values()), axis=0)
    kinds = np.array(coarsen(TAU, INDOOR_OUTDOOR_VEHICLE), dtype=np.intp)
    found: dict[str, dict[str, float]] = {"10": {}, "3": {}}
    for name, logs in evidence.items():
        logs = logs + prior
        weights = np.exp(logs - logs.max(axis=(1, 2), keepdims=True)).sum(axis=2)
        found["10"][name] = float((weights.argmax(axis=1) == scene).mean())
        coarse = np.stack([weights[:, kinds == kind].sum(axis=1) for kind in range(kinds.max() + 1)], axis=1)
        found["3"][name] = float((coarse.argmax(axis=1) == kinds[scene]).mean())
    return found


def make(
    folder: Path,
    clips: Sequence[TauClip],
    world: World,
    *,
    confusability: float,
    twins: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Store:
    """Make the store; it says of itself that it is synthetic, and what the best accuracy is.

    Args:
        folder: Where; must not hold a store.
        clips: The clips in it.
        world: Of these clips or of more.
        confusability: As of the world, for the record.
        twins: Also make an augmented twin of every clip of the split ``train``.
        progress: Called with (clips done, clips in all).

    Raises:
        StoreError: If it cannot be written.
    """
    records = [
        EmbedderRecord(name, DIMENSIONS[name][0], dim, f"synthetic-{world.seed}-{confusability:g}")
        for name, dim in world.dims.items()
    ]
    metadata: dict[str, Any] = {
        "synthetic": True,
        "seed": world.seed,
        "confusability": confusability,
        "bayes": bayes(world),
        "bayes_note": f"best accuracy of a clip of {SECONDS} s in a new location, by {DRAWS} draws",
    }
    if tested := [clip for clip in clips if clip.split == "test"]:
        metadata["bayes_test"] = bayes_here(world, tested)
    lenses = {name: world.lens(name) for name in world.dims}
    store = Store.create(folder, records, metadata=metadata)
    for start in range(0, len(clips), _CLIPS):
        batch = clips[start : start + _CLIPS]
        _write(store, world, lenses, batch, twin=False)
        trained = [clip for clip in batch if clip.split == "train"]
        if twins and trained:
            _write(store, world, lenses, trained, twin=True)
        if progress is not None:
            progress(min(start + _CLIPS, len(clips)), len(clips))
    return store


def _write(
    store: Store,
    world: World,
    lenses: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]],
    clips: Sequence[TauClip],
    *,
    twin: bool,
) -> None:
    hidden = {
        modality: np.concatenate([world.hidden_seconds(modality, clip, twin=twin) for clip in clips])
        for modality in world.modalities
        if not (twin and modality is Modality.SOUND)
    }
    vectors = {}
    for name, (turned, offset) in lenses.items():
        if DIMENSIONS[name][0] not in hidden:
            continue
        rng = world.rng("noise", name, str(twin), clips[0].name)
        shown = hidden[DIMENSIONS[name][0]].astype(np.float32) @ turned + offset
        noise = rng.standard_normal(shown.shape, np.float32)
        vectors[name] = (shown + np.float32(_NOISE) * noise).astype(np.float16)
    stored = [
        StoredClip(clip.name, "", SECONDS, twin, clip.scene, clip.city, clip.location, clip.split)
        for clip in clips
    ]
    if vectors:
        store.write(stored, vectors)


def thinned(clips: Sequence[TauClip], count: int) -> tuple[TauClip, ...]:
    """``count`` of the clips, evenly from the list, so that scenes, cities and folds stay in proportion.

    Raises:
        UsageError: If there are fewer, or ``count`` is below 1.
    """
    if not 1 <= count <= len(clips):
        raise UsageError(f"{count} clips are wanted of a list of {len(clips)}")
    return tuple(clips[at * len(clips) // count] for at in range(count))


def invented_clips(count: int = ALL_CLIPS, *, seed: int = 0) -> tuple[TauClip, ...]:
    """Clips with made-up names in TAU's shape: ten scenes, ten cities, locations of one fold each.

    Args:
        count: How many, at least 1.
        seed: Of the order in which locations go to the folds.

    Returns:
        The clips, sorted by name.

    Raises:
        UsageError: If ``count`` is below 1.
    """
    if count < 1:
        raise UsageError(f"at least one clip is wanted, not {count}")
    # Two locations a scene at least, or one of the folds would lack the scene.
    places = max(2, round(count / len(TAU) / _LOCATION_CLIPS))
    rng = np.random.Generator(np.random.PCG64(seed))
    trained = max(1, min(places - 1, round(places * _TRAIN_SHARE)))
    folds = [rng.permutation(places) < trained for _ in TAU.scenes]
    clips = []
    for number in range(count):
        which, turn = number % len(TAU), number // len(TAU)
        place = turn % places
        location = 1 + which * places + place
        city = _CITIES[(place + which) % len(_CITIES)]
        name = f"{TAU.scenes[which]}-{city}-{location}-{number}"
        split = "train" if folds[which][place] else "test"
        clips.append(TauClip(name, TAU.scenes[which], city, str(location), split))
    return tuple(sorted(clips, key=lambda clip: clip.name))
