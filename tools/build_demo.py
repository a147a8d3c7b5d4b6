"""Make the two example clips of ``vadd demo`` from free photographs and recorded sounds.

    python tools/build_demo.py [--stamps DIR] [--out src/vadd/demo]

The material is Debian's ``tuxpaint-stamps-default``; ``--stamps`` names a folder that the package was
unpacked into, without it the package is fetched with ``apt-get download`` into a temporary folder.
Every input is recognised by its SHA-256. The backdrop and the camera's slow move are computed here, so
that nothing else than the four inputs needs a licence. The same versions of PyAV, Pillow and NumPy
give the same bytes; the versions and the hashes that came out are printed for NOTICE.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageFilter

PACKAGE = "tuxpaint-stamps-default"
STAMPS = Path("usr/share/tuxpaint/stamps")

SECONDS = 10
RATE = 44_100
FPS = 25
WIDTH, HEIGHT = 854, 480
#: The still is larger than the frame so that the camera never enlarges it.
STILL_WIDTH, STILL_HEIGHT = 1366, 768
#: Loud enough to be heard, with head room for the codec's overshoot.
PEAK = 0.7
#: Seconds over which a recording fades at both ends, so that a cut does not click.
FADE = 0.02


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the stamps package, and whose it is.

    Attributes:
        path: Below the folder of stamps.
        sha256: Hex digest of the file.
        credit: What it is, who made it, under which licence, as upstream's list of contributors says.
    """

    path: str
    sha256: str
    credit: str

    def read(self, stamps: Path) -> Path:
        """The file below ``stamps``; exits when it is not the one that is meant."""
        file = stamps / STAMPS / self.path
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise SystemExit(f"{self.path}: SHA-256 is {digest}, not {self.sha256}")
        return file


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a clip is made.

    Attributes:
        name: File name without its ending.
        photograph: A cut-out with an alpha channel.
        sound: A short recording, repeated.
        pause: Seconds of silence after each repetition.
        ground: RGB of the lower part of the backdrop; the upper part is a hazy sky.
        size: Share of the still's width and height that the cut-out may fill.
    """

    name: str
    photograph: Source
    sound: Source
    pause: float
    ground: tuple[int, int, int]
    size: tuple[float, float]


RECIPES = (
    Recipe(
        name="sheep",
        photograph=Source(
            "animals/mammals/bovines/sheep.png",
            "170207d37257b4186b4d2311a6a586ae8387c0dff95ce533d272f104a68785c3",
            "Sheep of Mudchute Park and Farm, London, by Caroline Ford: GFDL, CC BY-SA or GPL",
        ),
        sound=Source(
            "animals/mammals/bovines/sheep.ogg",
            "b88b4ff9afabd30fccc52c56fac0b9faefcb962c6fbd2dd130a1816e7a171554",
            "Sheep of Mudchute Park and Farm, London, by Caroline Ford: GFDL, CC BY-SA or GPL",
        ),
        pause=0.3,
        ground=(112, 142, 72),
        size=(0.66, 0.74),
    ),
    Recipe(
        name="fire_engine",
        photograph=Source(
            "vehicles/emergency/firetruck.png",
            "e2049145f4829b7f30342c6d0143524014894bab8928ea1b6daa27f3f1b610c0",
            "Engine 28 of Palm Beach County Fire-Rescue by Aaron M. Lang: CC BY 2.5",
        ),
        sound=Source(
            "animals/mammals/bovines/cow_white.ogg",
            "ac0a7dc56e6abc7b17a45d8bea5644350516dd2b995f1da506849892aaf8650b",
            "White cow of Mudchute Park and Farm, London, by Caroline Ford: GFDL, CC BY-SA or GPL",
        ),
        pause=0.42,
        ground=(122, 122, 118),
        size=(0.74, 0.6),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stamps", type=Path, help=f"folder that {PACKAGE} was unpacked into")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "src/vadd/demo")
    options = parser.parse_args()
    with ExitStack() as stack:
        stamps = options.stamps or fetch(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        for recipe in RECIPES:
            still = compose(recipe, recipe.photograph.read(stamps))
            samples = repeat(decode(recipe.sound.read(stamps)), recipe.pause)
            target = options.out / f"{recipe.name}.mp4"
            encode(target, still, samples)
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
            print(f"{digest}  {target.name}  {target.stat().st_size} bytes")
    print(f"PyAV {av.__version__}, Pillow {PIL.__version__}, NumPy {np.__version__}")


def fetch(folder: Path) -> Path:
    """Download the Debian package and unpack it; gives the folder that it was unpacked into."""
    subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)  # noqa: S607
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder / "stamps"], check=True)  # noqa: S607
    return folder / "stamps"


def compose(recipe: Recipe, photograph: Path) -> Image.Image:
    """The cut-out on its backdrop, ``STILL_WIDTH`` x ``STILL_HEIGHT`` RGB."""
    cutout = Image.open(photograph).convert("RGBA")
    # Stamps keep stray, almost invisible pixels around the subject; they count neither for its box nor
    # for its edge.
    alpha = cutout.getchannel("A").point(lambda a: 0 if a < 64 else a)
    cutout.putalpha(alpha)
    cutout = cutout.crop(alpha.getbbox())
    room = (recipe.size[0] * STILL_WIDTH, recipe.size[1] * STILL_HEIGHT)
    scale = min(room[0] / cutout.width, room[1] / cutout.height)
    cutout = cutout.resize(
        (round(cutout.width * scale), round(cutout.height * scale)), Image.Resampling.LANCZOS
    )

    still = backdrop(recipe.ground)
    corner = ((STILL_WIDTH - cutout.width) // 2, round(0.88 * STILL_HEIGHT) - cutout.height)
    still.paste((20, 24, 16), mask=shadow(cutout, corner))
    still.paste(cutout, corner, cutout)
    return still


def shadow(cutout: Image.Image, corner: tuple[int, int]) -> Image.Image:
    """Where the subject touches the ground, as a soft mask of the still's size.

    A column's lowest pixel stands on the ground when it lies in the lowest quarter of the subject; the
    others are belly, not feet.
    """
    solid = np.asarray(cutout.getchannel("A")) > 128
    lowest = cutout.height - 1 - np.argmax(solid[::-1], axis=0)
    mask = np.zeros((STILL_HEIGHT, STILL_WIDTH), np.uint8)
    for column in np.flatnonzero(solid.any(axis=0) & (lowest > 0.75 * cutout.height)):
        foot = corner[1] + lowest[column]
        mask[foot - 8 : foot + 8, corner[0] + column] = 190
    return Image.fromarray(mask).filter(ImageFilter.GaussianBlur(8))


def backdrop(ground: tuple[int, int, int]) -> Image.Image:
    """A hazy sky over a mottled ground, out of focus, so that nothing in it asks to be recognised."""
    rng = np.random.default_rng(0)
    height, width = STILL_HEIGHT, STILL_WIDTH
    down = np.linspace(0, 1, height)[:, None, None]
    sky = np.array([168, 194, 222]) * (1 - down) + np.array([236, 236, 228]) * down
    near = np.array(ground) * (1.12 - 0.3 * down)
    # The horizon, softened over a tenth of the height.
    share = np.clip((down - 0.42) / 0.1, 0, 1)
    picture = np.broadcast_to(sky * (1 - share) + near * share, (height, width, 3)).copy()
    mottle = sum(
        weight
        * np.asarray(
            Image.fromarray(rng.standard_normal((height // cell, width // cell)).astype(np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
        )
        for cell, weight in ((6, 5.0), (24, 6.0))
    )
    picture += np.asarray(mottle)[:, :, None] * share
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(2))


def camera(still: Image.Image) -> Iterator[Image.Image]:
    """The frames of a slow zoom and pan over the still, eased at both ends."""
    count = SECONDS * FPS
    for i in range(count):
        t = i / (count - 1)
        ease = t * t * (3 - 2 * t)
        width = STILL_WIDTH * (1 - 0.16 * ease)
        height = width * HEIGHT / WIDTH
        left = (STILL_WIDTH - width) * (0.3 + 0.4 * ease)
        top = (STILL_HEIGHT - height) * 0.6
        yield still.resize(
            (WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=(left, top, left + width, top + height)
        )


def decode(file: Path) -> NDArray[np.float32]:
    """All samples of a sound file as mono at ``RATE``, ``(n,)`` float32."""
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(file)) as container:
        blocks = [block for frame in container.decode(audio=0) for block in resampler.resample(frame)]
    blocks += resampler.resample(None)
    return np.concatenate([block.to_ndarray()[0] for block in blocks])


def repeat(sound: NDArray[np.float32], pause: float) -> NDArray[np.float32]:
    """The recording again and again with pauses, exactly ``SECONDS`` long, peak at ``PEAK``."""
    ramp = np.minimum(1, np.arange(len(sound)) / (FADE * RATE))
    turn = np.concatenate([sound * ramp * ramp[::-1], np.zeros(round(pause * RATE))])
    samples = np.resize(turn, SECONDS * RATE)
    return (samples * (PEAK / np.abs(samples).max())).astype(np.float32)


def encode(target: Path, still: Image.Image, samples: NDArray[np.float32]) -> None:
    """Write H.264 and AAC in mp4, without anything that differs from run to run."""
    with av.open(str(target), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        picture = container.add_stream("libx264", rate=FPS)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.options = {"crf": "24", "preset": "slow", "threads": "1", "flags": "+bitexact"}
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        sound.bit_rate = 96_000
        for i, image in enumerate(camera(still)):
            frame = av.VideoFrame.from_image(image)
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        block = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)
        fifo = av.AudioFifo()
        fifo.write(block)
        while chunk := fifo.read(1024, partial=True):
            container.mux(sound.encode(chunk))
        container.mux(sound.encode(None))


if __name__ == "__main__":
    main()
