"""The one table of distortions: by name, from their parameters, from a line of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any

from vadd.errors import UsageError
from vadd.protocol.distort.transform import Transform

__all__ = ["NAMES", "listing", "make", "parse", "transform_class"]

#: Name → class; the module is called as the name.
_CLASSES = {
    "h264": "H264",
    "frame_rate": "FrameRate",
    "aac": "Aac",
    "opus": "Opus",
    "resample": "Resample",
    "noise": "Noise",
    "gain": "Gain",
    "clipping": "Clipping",
    "mono": "Mono",
    "reverberation": "Reverberation",
    "speech": "Speech",
    "music": "Music",
    "dark": "Dark",
    "blur": "Blur",
    "crop": "Crop",
    "letterbox": "Letterbox",
    "mirror": "Mirror",
    "captions": "Captions",
    "vertical": "Vertical",
}
NAMES = tuple(_CLASSES)


def transform_class(name: str) -> type[Transform]:
    """The class of a name.

    Raises:
        UsageError: If there is none; says which there are.
    """
    if name not in _CLASSES:
        raise UsageError(f"there is no distortion {name!r}; there are {', '.join(NAMES)}")
    found: type[Transform] = getattr(import_module(f"vadd.protocol.distort.{name}"), _CLASSES[name])
    return found


def make(name: str, parameters: Mapping[str, Any]) -> Transform:
    """A distortion from its name and parameters, as :meth:`Transform.parameters` gives them.

    Raises:
        UsageError: If a name is unknown, a value impossible, or one without default is missing.
    """
    found = transform_class(name)
    known = {each.name: each for each in fields(found)}  # type: ignore[arg-type]  # all are dataclasses
    for each in parameters:
        if each not in known:
            there = f"its parameters are {', '.join(known)}" if known else "it has none"
            raise UsageError(f"{name} has no parameter {each!r}; {there}")
    for each, told in known.items():
        if told.default is MISSING and each not in parameters:
            raise UsageError(f"{name} needs {each}=...: {told.metadata['what']}")
    return found(**parameters)


def parse(text: str) -> Transform:
    """A distortion from ``NAME`` or ``NAME:PARAMETER=VALUE,PARAMETER=VALUE``.

    Raises:
        UsageError: If it is not of this form, or as :func:`make`.
    """
    name, _, rest = text.partition(":")
    kinds = {each.name: each.metadata["kind"] for each in fields(transform_class(name))}  # type: ignore[arg-type]
    parameters: dict[str, Any] = {}
    for part in rest.split(",") if rest else ():
        key, sign, value = part.partition("=")
        if not sign or key in parameters:
            raise UsageError(f"{text!r} is not of the form NAME:PARAMETER=VALUE,PARAMETER=VALUE")
        parameters[key] = value
        if kinds.get(key) in ("number", "whole"):
            try:
                parameters[key] = float(value)
            except ValueError:
                raise UsageError(f"{name}:{key} is a number, not {value!r}") from None
    return make(name, parameters)


def listing() -> list[dict[str, Any]]:
    """All distortions for people and programs: name, what it does, parameters with range and default."""
    told = []
    for name in NAMES:
        found = transform_class(name)
        parameters = []
        for each in fields(found):  # type: ignore[arg-type]
            default = None if each.default is MISSING else each.default
            facts = {key: value for key, value in each.metadata.items() if key != "kind"}
            parameters.append({"name": each.name, "default": default, **facts})
        summary = " ".join((found.__doc__ or "").split("\n\n")[0].split())
        told.append({"name": name, "summary": summary, "parameters": parameters})
    return told
