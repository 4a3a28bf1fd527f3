"""Import and export of segmentation networks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from napari_frtm.engine.networks.backbone import STRIDES
from napari_frtm.errors import CheckpointError, OutputError
from napari_frtm.io.atomic import reporting, write_bytes
from napari_frtm.io.weights.foreign import save_authors
from napari_frtm.io.weights.inspection import Inspected, inspect
from napari_frtm.io.weights.library import (
    DIGEST,
    IMPORTED,
    SOURCE,
    SOURCE_DIGEST,
    all_embedded,
    describe,
    imported,
    named,
    path_of,
)
from napari_frtm.io.weights.sealed import write_sealed

if TYPE_CHECKING:
    from pathlib import Path

_AUTHORS_WIDTH = 64


def import_network(source: Path, name: str | None = None) -> Path:
    """Check a checkpoint and put it into the folder of imported weights.

    Parameters
    ----------
    source : Path
        A checkpoint of this package or of the authors' release.
    name : str, optional
        How to call it; by default as the file.

    Returns
    -------
    Path
        The new file.

    Raises
    ------
    CheckpointError
        If the file is damaged or holds no segmentation network, if it is imported already, or
        if the name is taken.
    OutputError
        If the folder cannot be written.
    """
    found = inspect(source)
    if not found.has("segmentation"):
        raise CheckpointError(
            f"{source.name} holds weights of {found.backbone}, but no segmentation network. "
            "Backbone weights need no import: give them with --backbone-weights FILE."
        )
    path = path_of(source.stem if name is None else name)
    _refuse_known(source.name, found.sha256, path)
    with reporting(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    provenance = {
        "backbone": found.backbone,
        "kind of source": str(found.kind),
        SOURCE: source.name,
        SOURCE_DIGEST: found.sha256,
        IMPORTED: datetime.now(UTC).isoformat(),
    }
    write_sealed(path, found.tensors, {**found.facts, **provenance})
    return path


def export_network(name: str, target: Path, *, overwrite: bool = False) -> Inspected:
    """Write embedded or imported weights to a file.

    Parameters
    ----------
    name : str
        Of the weights.
    target : Path
        Ends in ``.safetensors`` (a copy), or in ``.pth``: the segmentation network in the
        authors' names.
    overwrite : bool
        Whether the file may be there already.

    Returns
    -------
    Inspected
        What was written.

    Raises
    ------
    CheckpointError
        If there are no weights of this name, if they are damaged, or if their segmentation
        network is not as wide as the authors'.
    OutputError
        If the file cannot be written.
    """
    source = named(name)
    if source is None:
        names = [path.stem for path in (*all_embedded(), *imported())]
        raise CheckpointError(
            f"There are no weights '{name}' to export. There are: {', '.join(names)}."
        )
    if target.suffix.lower() not in (".safetensors", ".pth"):
        raise OutputError(f"Cannot write {target}: choose a name ending in .safetensors or .pth.")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} is there already. Replace it with --overwrite.")
    found = inspect(source)
    if target.suffix.lower() == ".safetensors":
        if DIGEST in found.facts:
            write_bytes(target, source.read_bytes())
        else:  # the embedded ones, whose hash is beside them
            write_sealed(target, found.tensors, found.facts)
    else:
        _check_widths(found, name)
        save_authors(target, found.tensors)
    return inspect(target)


def _refuse_known(source: str, digest: str, path: Path) -> None:
    """Refuse what is imported already, and a name that is taken."""
    for other in imported():
        try:
            known = describe(other).facts.get(SOURCE_DIGEST)
        except CheckpointError:
            continue  # damaged ones are told by list and verify
        if known == digest:
            raise CheckpointError(
                f"{source} is imported already, as '{other.stem}'. To import it again, delete "
                f"{other} first."
            )
    if path.exists():
        raise CheckpointError(
            f"There are other weights named '{path.stem}' already. Choose another name with "
            f"--name, or delete {path}."
        )


def _check_widths(found: Inspected, name: str) -> None:
    """Refuse a network that the authors' program could not load."""
    keys = [f"segmentation.levels.{s}.encoder.reduce.0.weight" for s in STRIDES]
    widths = [len(found.tensors[key]) for key in keys if key in found.tensors]
    if widths != [_AUTHORS_WIDTH] * len(STRIDES):
        raise CheckpointError(
            f"'{name}' cannot be written in the authors' format: its levels have "
            f"{', '.join(map(str, widths))} channels, theirs {_AUTHORS_WIDTH} each. Export it as "
            ".safetensors."
        )
