"""The weights at hand, by name: the embedded ones and those that the user has imported."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from napari_frtm.config import PRESETS, Variant, preset
from napari_frtm.errors import CheckpointError
from napari_frtm.io.atomic import reporting
from napari_frtm.io.data_folder import data_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.config import FrtmConfig

logger = logging.getLogger(__name__)

FORMAT = "1"
EMBEDDED = {"mobilenet_v2": "lite"}
"""Names of the embedded weights, by the backbone that they hold."""
_NAMES = (*EMBEDDED.values(), "cells")
"""Of all embedded weights; some hold a segmentation network alone."""
OUTLINES, EIGHT_BITS = "outlines", "lite-8-bits"
"""Names of the files that go with them, which are nothing to choose: the outline network, and the
networks of `lite` in 8 bits."""
FOLDER = "NAPARI_FRTM_WEIGHTS"
"""Environment variable with another folder for imported weights."""
DIGEST = "sha256 of contents"
IMPORTED = "imported"
SOURCE = "source"
SOURCE_DIGEST = "sha256 of source"
TRAINED_ON = "trained on"
_SUFFIX = ".safetensors"
_COUNTED = ("weight", "bias")


@dataclass(frozen=True, slots=True)
class Listed:
    """What the header of a checkpoint says.

    Attributes
    ----------
    name : str
        How the weights are called.
    path : Path
        Their file.
    facts : mapping of str to str
        Metadata of the file.
    parameters : mapping of str to int
        Numbers that were learned, by part: ``backbone``, ``segmentation``, ``encoder``.
    """

    name: str
    path: Path
    facts: Mapping[str, str]
    parameters: Mapping[str, int]

    @property
    def backbone(self) -> str:
        """The backbone that the weights are for."""
        return self.facts.get("backbone", "")


def folder() -> Path:
    """Return the folder of imported weights; it may not exist yet."""
    return Path(os.environ.get(FOLDER) or data_folder() / "weights")


def embedded(name: str) -> Path:
    """Return the file of embedded weights."""
    return Path(str(files("napari_frtm") / "weights" / f"{name}{_SUFFIX}"))


def own_weights(config: FrtmConfig) -> Path | None:
    """Return the embedded file that a setting uses if no other weights are asked for, if any."""
    name = config.weights or EMBEDDED.get(config.backbone)
    return None if name is None else embedded(name)


def all_embedded() -> list[Path]:
    """Return the files of all embedded weights."""
    return [embedded(name) for name in _NAMES]


def pinned(path: Path) -> str:
    """Return the sha256 that an embedded file must have, from the file of hashes beside it."""
    return path.with_suffix(".sha256").read_text().split()[0]


def check_published(path: Path) -> None:
    """Refuse an embedded file that is not as it was published.

    Raises
    ------
    CheckpointError
        If its hash is another one.
    """
    found = file_digest(path)
    if found != pinned(path):
        raise CheckpointError(
            f"{path.name} is not the file that this version was published with (its sha256 is "
            f"{found}, not {pinned(path)}). Install napari-frtm again."
        )


def path_of(name: str) -> Path:
    """Return the file that imported weights of this name have or would have.

    Raises
    ------
    CheckpointError
        If the name cannot be one.
    """
    if not _is_name(name):
        raise CheckpointError(
            f"'{name}' cannot be a name of weights: use letters, digits, '.', '-' and '_', "
            f"and not {' or '.join(_NAMES)}, which are embedded. Choose one with --name."
        )
    return folder() / f"{name}{_SUFFIX}"


def imported() -> list[Path]:
    """Return the files of imported weights, in the order of their names."""
    found = folder().glob(f"*{_SUFFIX}") if folder().is_dir() else ()
    return sorted(path for path in found if _is_name(path.stem))


def named(name: str) -> Path | None:
    """Return the file of embedded or imported weights; None if there are none of this name."""
    if name in _NAMES:
        return embedded(name)
    path = path_of(name) if _is_name(name) else None
    return path if path is not None and path.is_file() else None


def find_checkpoint(config: FrtmConfig, checkpoint: str | Path | None = None) -> Path | None:
    """Return the file that the segmentation network of a setting comes from.

    Parameters
    ----------
    config : FrtmConfig
        Says which backbone, and whether there is a segmentation network at all.
    checkpoint : path or str, optional
        What the user asks for: a file, or the name of embedded or imported weights.

    Returns
    -------
    Path or None
        The file asked for. If none is, the newest of the imported ones for this backbone (those
        of Base net for Base net alone), but none where the package carries one, or if there is
        none, or if none is needed.
    """
    if checkpoint is not None:
        path = Path(checkpoint)
        return path if path.is_file() else named(str(checkpoint)) or path
    if not config.variant.refines or own_weights(config) is not None:
        return None
    fitting = [listed for listed in map(_or_none, imported()) if listed is not None]
    fitting = [listed for listed in fitting if listed.backbone == config.backbone]
    base_net = config.variant is Variant.BASE_NET
    fitting = [listed for listed in fitting if ("encoder" in listed.parameters) == base_net]
    newest = max(fitting, key=lambda listed: listed.facts.get(IMPORTED, ""), default=None)
    return None if newest is None else newest.path


def has_refinement(config: FrtmConfig, checkpoint: str | Path | None = None) -> bool:
    """Return whether there are weights of the segmentation network for a setting.

    Parameters
    ----------
    config : FrtmConfig
        Says which backbone.
    checkpoint : path or str, optional
        As for `find_checkpoint`.
    """
    if find_checkpoint(config, checkpoint) is not None:
        return True
    own = own_weights(config)
    return own is not None and "segmentation" in describe(own).parameters


def cached_backbone(backbone: str) -> Path | None:
    """Return the ImageNet weights of a backbone in torch's cache, if they were downloaded.

    Torch is not loaded for it.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    found = (Path(home).expanduser() / "hub" / "checkpoints").glob(f"{backbone}-*.pth")
    return next(found, None)


def remove(name: str) -> None:
    """Delete imported weights.

    Raises
    ------
    CheckpointError
        If the name is none of imported weights.
    OutputError
        If the file cannot be deleted.
    """
    path = path_of(name)
    if not path.is_file():
        raise CheckpointError(f"There are no imported weights '{name}'.")
    with reporting(path):
        path.unlink()


def describe(path: Path) -> Listed:
    """Return what the header of a checkpoint of this package says.

    Raises
    ------
    CheckpointError
        If the header cannot be read.
    """
    parameters: dict[str, int] = {}
    try:
        with safe_open(path, framework="np") as file:
            facts = dict(file.metadata() or {})
            for name in file.keys():  # noqa: SIM118
                count = math.prod(file.get_slice(name).get_shape())
                part = name.partition(".")[0]
                if name.endswith(_COUNTED):
                    parameters[part] = parameters.get(part, 0) + count
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}).") from error
    return Listed(path.stem, path, facts, parameters)


def preset_of(backbone: str) -> str | None:
    """Return the preset that uses a backbone, if one does."""
    return next((name for name in PRESETS if preset(name).backbone == backbone), None)


def file_digest(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _or_none(path: Path) -> Listed | None:
    try:
        return describe(path)
    except CheckpointError as error:
        logger.warning("%s It is left out; see 'napari-frtm weights verify'.", error)
        return None


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII) is not None and (name not in _NAMES)
