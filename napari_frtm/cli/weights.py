"""List, verify, import and export weights.

for example:
  napari-frtm weights list
  napari-frtm weights verify
  napari-frtm weights verify rn18_ytvos.pth lite
  napari-frtm weights import rn18_ytvos.pth --name ytvos
  napari-frtm weights export lite lite.safetensors

Imported segmentation networks are used from then on: by the presets fast and accurate where no
--checkpoint is given (the newest one for their backbone), and by any command as --checkpoint NAME.
The preset lite keeps to its embedded one unless told otherwise. 'napari-frtm weights ACTION --help'
explains an action. Imported files are kept in the user's data folder, or in the folder that the
environment variable NAPARI_FRTM_WEIGHTS names.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from napari_frtm.config import PRESETS, preset
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights import library

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from napari_frtm.io.weights.inspection import Inspected

_LETTERS = {"backbone": "F", "segmentation": "S"}
_COMPANIONS = {
    library.OUTLINES: "the outline network of presets lite and cells",
    library.EIGHT_BITS: "F and S of preset lite in 8 bits, for OpenVINO",
}
_CARD = "docs/model_card.md in the source"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of this command and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add(actions, _list, "list", "Show what weights there are, and which preset uses them.")
    verify = _add(
        actions,
        _verify,
        "verify",
        "Say what files are, and whether every value in them is as it should be.",
    )
    verify.add_argument(
        "files",
        nargs="*",
        metavar="FILE|NAME",
        help="checkpoint of this program or of the authors, or backbone weights; or the name of "
        "imported or embedded ones (default: all weights that 'list' shows)",
    )
    imports = _add(
        actions, _import, "import", "Check a checkpoint and keep it, to be used by its name."
    )
    imports.add_argument(
        "file", type=Path, metavar="FILE", help=".pth of the authors or .safetensors"
    )
    imports.add_argument("--name", help="how to call it (default: as the file)")
    export = _add(actions, _export, "export", "Write embedded or imported weights to a file.")
    export.add_argument("name", metavar="NAME", help="'lite' or the name of imported weights")
    export.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="ends in .safetensors (for --checkpoint), or in .pth for the names of the authors' "
        "release (segmentation network alone, 64 channels on all levels)",
    )
    export.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")


def _add(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    action: Callable[[argparse.Namespace], None],
    name: str,
    summary: str,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, description=summary)
    parser.set_defaults(action=action)
    return parser


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    options.action(options)


def table() -> list[str]:
    """Return the lines that say which weights there are."""
    users = _users()
    lines = ["  networks"]
    for path in [*library.all_embedded(), *library.imported()]:
        lines += _network_lines(path, users.get(path, []))
    lines.append("  backbones")
    for name in PRESETS:
        backbone = preset(name).backbone
        lines.append(f"    {name:<12}  {backbone:<12}  {_whereabouts(backbone)}")
    return [*lines, f"  folder of imported networks: {library.folder()}"]


def _users() -> dict[Path, list[str]]:
    """Return which presets use which network, if no --checkpoint is given."""
    users: dict[Path, list[str]] = {}
    for name in PRESETS:
        config = preset(name)
        path = library.find_checkpoint(config) or library.own_weights(config)
        if path is not None:
            users.setdefault(path, []).append(name)
    return users


def _network_lines(path: Path, users: list[str]) -> list[str]:
    """Return the lines about one network."""
    try:
        listed = library.describe(path)
    except CheckpointError as error:
        return [f"    {path.stem:<12}  damaged: {error}"]
    parts = sorted(listed.parameters.items())
    counts = " and ".join(f"{_LETTERS.get(part, part)} {n / 1e6:.1f} M" for part, n in parts)
    size = _size(path.stat().st_size)
    source = f"imported from {listed.facts.get(library.SOURCE, 'elsewhere')}"
    use = f"used by preset {', '.join(users)}" if users else f"--checkpoint {listed.name} uses it"
    remarks = [use, f"sha256 {library.file_digest(path)}"]
    if trained := listed.facts.get(library.TRAINED_ON):
        remarks.append(f"trained on {trained}")
    if path in library.all_embedded():
        source = f"embedded {path.name}"
        remarks.append(f"data, figures and known failures: {_CARD}")
    return [
        f"    {listed.name:<12}  {listed.backbone:<12}  {source}, {size}, {counts} parameters",
        *(f"{'':32}{remark}" for remark in remarks),
    ]


def _whereabouts(backbone: str) -> str:
    """Return where the weights of a backbone are, or are to be had."""
    from napari_frtm.io.weights.foreign import imagenet

    if backbone in library.EMBEDDED:
        return "embedded"
    source = imagenet(backbone)
    if source.cached.is_file():
        return f"{source.cached}, {_size(source.cached.stat().st_size)}"
    return f"not downloaded: {_size(source.size)} from {urlsplit(source.url).hostname}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _list(options: argparse.Namespace) -> None:
    print("\n".join(table()))


def _verify(options: argparse.Namespace) -> None:
    """Check files; say of each what it is, or what is wrong with it."""
    own = [*library.all_embedded(), *library.imported(), *_downloaded()]
    checks = [partial(_verdict, _found(path)) for path in options.files or own]
    if not options.files:
        checks += [partial(_companion, name, what) for name, what in _COMPANIONS.items()]
    wrong = []
    for check in checks:
        try:
            print(check())
        except CheckpointError as error:
            wrong.append(str(error))
    if wrong:
        raise CheckpointError("\n".join(wrong))


def _found(file: str | Path) -> Path:
    """Return the file of this path, or of weights of this name."""
    path = Path(file)
    return path if path.is_file() else library.named(str(file)) or path


def _downloaded() -> list[Path]:
    """Return the backbones of presets that are in torchvision's cache."""
    from napari_frtm.io.weights.foreign import imagenet

    names = [preset(name).backbone for name in PRESETS]
    cached = [imagenet(name).cached for name in names if name not in library.EMBEDDED]
    return [path for path in cached if path.is_file()]


def _verdict(path: Path) -> str:
    """Return what a file is; refuse it if it is damaged."""
    from napari_frtm.io.weights.inspection import Kind, inspect

    found = inspect(path)
    remark = ""
    if path in library.all_embedded():
        library.check_published(path)
        remark = ", as published"
    elif found.kind == Kind.CHECKPOINT and library.DIGEST not in found.facts:
        remark = "\n  it has no checksum of its contents: altered values would not be noticed"
    name = library.preset_of(found.backbone)
    fits = f"preset {name}" if name else "no preset"
    what = f"{found.kind}, {_parts(found)} ({fits})"
    return f"{path.name}: complete, {what}\n  sha256 {found.sha256}{remark}"


def _companion(name: str, what: str) -> str:
    """Return what a file is that goes with the embedded weights; refuse it if it is damaged."""
    from napari_frtm.io.weights.sealed import read_sealed

    path = library.embedded(name)
    read_sealed(path)
    library.check_published(path)
    digest = library.file_digest(path)
    return f"{path.name}: complete, {what}\n  sha256 {digest}, as published"


def _parts(found: Inspected) -> str:
    """Return in words which parts of the network a file holds."""
    parts = [letter for part, letter in _LETTERS.items() if found.has(part)]
    return f"{' and '.join(parts)} for {found.backbone}" if parts else found.backbone


def _import(options: argparse.Namespace) -> None:
    from napari_frtm.io.weights.transfer import import_network

    path = import_network(options.file, options.name)
    backbone = library.describe(path).backbone
    name = library.preset_of(backbone)
    print(f"{options.file.name} is imported as '{path.stem}': {path}")
    if backbone in library.EMBEDDED:
        print(f"It is for the preset {name}: use it with --checkpoint {path.stem}.")
    elif name:
        print(f"The preset {name} uses it from now on.")


def _export(options: argparse.Namespace) -> None:
    from napari_frtm.io.weights.transfer import export_network

    found = export_network(options.name, options.file, overwrite=options.overwrite)
    print(f"'{options.name}' is written to {options.file}: {_parts(found)}.")
