"""The paper's sound embedders by name: their cards, and what goes in and out of their networks.

Sizes of weight files are those of their tensors, rounded.

No library heavier than numpy is imported here: the networks (:mod:`vadd.embed.openl3`,
:mod:`vadd.embed.pann`, :mod:`vadd.embed.iov`) are, when one is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from vadd.embed.base import EmbedderCard, Modality, Weights
from vadd.embed.torch_sound import SoundEmbedder, Window, centred_windows, second_windows

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["IovCnn420", "OpenL3MusicMel256", "PannCnn10", "PannWavegramLogmelCnn14"]

#: Windows a second in the paper, and OpenL3's own rounding of the hop (``int(48000 / 42)``).
OPENL3_RATE = 42
_OPENL3_SAMPLES = 48_000
_OPENL3_HOP = _OPENL3_SAMPLES // OPENL3_RATE
#: The PANNs' and the IOV network's sample rate.
_SAMPLES = 32_000
_SECOND = "1 s each second; a counted partial last second is heard with what precedes it"
_PANN_STEPS: tuple[tuple[str, Any], ...] = (
    ("sample rate", "32000 Hz"),
    ("window", _SECOND),
    ("spectrum", "power, 1024-point periodic Hann every 320 samples, centred, reflected edges"),
    ("mel bands", "64, 50-14000 Hz, Slaney scale and norm"),
    ("compression", "10 log10(max(x, 1e-10))"),
)
_PANN_PAPER = (
    "Q. Kong et al., PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition, "
    "IEEE/ACM TASLP 28, 2020, arXiv:1912.10211; trained on AudioSet, J. F. Gemmeke et al., ICASSP 2017"
)
_PANN_SOURCE = "PANNs (qiuqiangkong/audioset_tagging_cnn), Zenodo record 3987831"
_PANN_URL = "https://zenodo.org/records/3987831/files/"


class OpenL3MusicMel256(SoundEmbedder):
    """OpenL3's sound network, content type music, 256 mel bands, 512-d.

    Args:
        rate: Windows a second, 1 to 42. At 42, the paper's rate, they are OpenL3's own for a hop of 1/42 s;
            at a lower rate as many of these, evenly chosen from each second.
        options: As for :class:`~vadd.embed.torch_embedder.TorchEmbedder`.

    Raises:
        ValueError: If an argument is not one of these.
    """

    _needs: ClassVar[tuple[str, ...]] = ("torch", "h5py")
    _cpu_batch = 4
    card = EmbedderCard(
        name="openl3_music_mel256",
        modality=Modality.SOUND,
        dim=512,
        scores=(),
        input="blocks of mono float32 samples in [-1, 1] at 48 kHz",
        preprocessing=(
            ("windows a second", OPENL3_RATE),
            ("sample rate", "48000 Hz"),
            ("window", f"1 s, centres every {_OPENL3_HOP} samples from time 0, zeros outside the clip"),
            ("spectrum", "magnitude, 2048-point periodic Hann every 242 samples, zeros behind the window"),
            ("mel bands", "256, 0-24000 Hz, Slaney scale and norm"),
            ("compression", "10 log10(max(x, 1e-10)), 0 at each window's maximum, at least -80"),
            ("second", "mean of the windows whose centre it holds"),
        ),
        weights=Weights(
            file="openl3_audio_mel256_music-v0_4_0.h5.gz",
            sha256=None,
            size=19_000_000,
            source="OpenL3 0.4 (marl/openl3, branch models)",
            licence="CC-BY-4.0",
            url="https://github.com/marl/openl3/raw/models/openl3_audio_mel256_music-v0_4_0.h5.gz",
        ),
        paper=(
            "J. Cramer, H.-H. Wu, J. Salamon and J. P. Bello, Look, Listen and Learn More: Design Choices "
            "for Deep Audio Embeddings, ICASSP 2019; trained on AudioSet, J. F. Gemmeke et al., ICASSP 2017"
        ),
        sample_rate=_OPENL3_SAMPLES,
    )

    def __init__(self, *, rate: int = OPENL3_RATE, **options: Any) -> None:
        super().__init__(**options)
        if not 1 <= rate <= OPENL3_RATE:
            raise ValueError(f"rate must be 1 to {OPENL3_RATE} windows a second, not {rate}")
        self._rate = rate
        steps = (("windows a second", rate), *self.card.preprocessing[1:])
        self.card = replace(self.card, preprocessing=steps)

    def windows(self, inputs: Iterable[NDArray[Any]]) -> Iterator[Window]:
        """See :meth:`vadd.embed.torch_sound.SoundEmbedder.windows`."""
        kept = None if self._rate == OPENL3_RATE else self._rate
        return centred_windows(inputs, _OPENL3_SAMPLES, _OPENL3_HOP, kept)

    def _network(self) -> nn.Module:
        from vadd.embed.openl3 import OpenL3Net

        return OpenL3Net()

    def _load(self, network: nn.Module, path: Path) -> None:
        from vadd.embed.openl3 import load_openl3

        load_openl3(network, path)


class _SecondEmbedder(SoundEmbedder):
    """What hears one window a second at 32 kHz."""

    def windows(self, inputs: Iterable[NDArray[Any]]) -> Iterator[Window]:
        """See :meth:`vadd.embed.torch_sound.SoundEmbedder.windows`."""
        return second_windows(inputs, _SAMPLES)


class _Pann(_SecondEmbedder):
    def _load(self, network: nn.Module, path: Path) -> None:
        from vadd.embed.pann import load_pann

        load_pann(network, path)


class PannWavegramLogmelCnn14(_Pann):
    """The PANN that reads waveform and spectrogram, as in the paper; its true dimension, 2048.

    Args:
        options: As for :class:`~vadd.embed.torch_embedder.TorchEmbedder`.
    """

    card = EmbedderCard(
        name="pann_wavegram_logmel_cnn14",
        modality=Modality.SOUND,
        dim=2048,
        scores=(),
        input="blocks of mono float32 samples in [-1, 1] at 32 kHz",
        preprocessing=_PANN_STEPS,
        weights=Weights(
            file="Wavegram_Logmel_Cnn14_mAP=0.439.pth",
            sha256=None,
            size=329_000_000,
            source=_PANN_SOURCE,
            licence="CC-BY-4.0",
            url=f"{_PANN_URL}Wavegram_Logmel_Cnn14_mAP%3D0.439.pth",
        ),
        paper=_PANN_PAPER,
        sample_rate=_SAMPLES,
    )

    def _network(self) -> nn.Module:
        from vadd.embed.pann import WavegramLogmelCnn14

        return WavegramLogmelCnn14()


class PannCnn10(_Pann):
    """The PANN whose embedding has the 512 numbers that the paper names.

    Args:
        options: As for :class:`~vadd.embed.torch_embedder.TorchEmbedder`.
    """

    card = EmbedderCard(
        name="pann_cnn10",
        modality=Modality.SOUND,
        dim=512,
        scores=(),
        input="blocks of mono float32 samples in [-1, 1] at 32 kHz",
        preprocessing=_PANN_STEPS,
        weights=Weights(
            file="Cnn10_mAP=0.380.pth",
            sha256=None,
            size=25_000_000,
            source=_PANN_SOURCE,
            licence="CC-BY-4.0",
            url=f"{_PANN_URL}Cnn10_mAP%3D0.380.pth",
        ),
        paper=_PANN_PAPER,
        sample_rate=_SAMPLES,
    )

    def _network(self) -> nn.Module:
        from vadd.embed.pann import Cnn10

        return Cnn10()


class IovCnn420(_SecondEmbedder):
    """Indoor, outdoor or vehicle: the 256 numbers before that decision; trained by ``vadd train-iov``.

    Args:
        options: As for :class:`~vadd.embed.torch_embedder.TorchEmbedder`.
    """

    _needs: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    card = EmbedderCard(
        name="iov_cnn420",
        modality=Modality.SOUND,
        dim=256,
        scores=(),
        input="blocks of mono float32 samples in [-1, 1] at 32 kHz",
        preprocessing=(
            ("sample rate", "32000 Hz"),
            ("window", _SECOND),
            ("spectrum", "power, 2048-point periodic Hann every 320 samples, centred, reflected edges"),
            ("mel bands", "128, 0-16000 Hz, Slaney scale and norm"),
            ("compression", "10 log10(max(x, 1e-10))"),
        ),
        weights=Weights(
            file="iov_cnn420.safetensors",
            sha256=None,
            size=1_700_000,
            source="trained by 'vadd train-iov' on labelled sound; nobody has published any",
            licence="LicenseRef-yours",
        ),
        paper=(
            "after CNN420 of S. Grollmisch and E. Cano, Improving Semi-Supervised Learning for Audio "
            "Classification with FixMatch, Electronics 10(15), 2021; details are ours"
        ),
        sample_rate=_SAMPLES,
    )

    def _network(self) -> nn.Module:
        from vadd.embed.iov import IovNet

        return IovNet()

    def _load(self, network: nn.Module, path: Path) -> None:
        from vadd.embed.iov import load_iov

        load_iov(network, path)

    def _encode(self, batch: Tensor) -> Tensor:
        from vadd.embed.iov import log_mel

        return log_mel(batch)

    def _trim(self, network: nn.Module) -> nn.Module:
        from vadd.embed.iov import IovFeatures

        return IovFeatures(network)
