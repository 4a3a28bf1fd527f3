"""Job files (TOML), and folders in the layout of DAVIS, to `BatchJob`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from napari_frtm.batch.job import BatchJob, Clip, ClipSettings, Export
from napari_frtm.config import PRESETS, preset
from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.davis import find_sequences
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.session.folder import is_session
from napari_frtm.io.session.identity import is_there, session_name
from napari_frtm.session.drawn import mask_entry
from napari_frtm.structure import structured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

T = TypeVar("T")

_FIELD = re.compile(r"'(?:\w+\.)*(\w+)[^']*'|(\w+) must")
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\s\"']+?)\s*\]\]?\s*(#.*)?")


class JobError(FrtmError):
    """A job file cannot be read, or says something that cannot be done."""


def read_job(path: Path, out: Path | None = None) -> BatchJob:
    """Return what a job file asks for; its paths are from its own folder on.

    Parameters
    ----------
    path : Path
        The file; docs/batch.md has all that can stand in it.
    out : Path, optional
        Folder of the results, in place of what the file says.

    Raises
    ------
    JobError
        If the file is missing, no TOML, or has a wrong entry; the message has line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise JobError(f"Cannot read the job {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise JobError(f"{path.name} is no TOML file: it is not in UTF-8 ({error}).") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise JobError(f"{path.name} is no TOML file: {error}.") from error
    return _Reader(path, text).job(content, out)


def davis_job(root: Path, out: Path, split: str | None = None) -> BatchJob:
    """Return the job that follows the objects of the first label image of each sequence.

    Parameters
    ----------
    root : Path
        Folder in the layout of DAVIS; see `find_sequences`.
    out : Path
        Folder of the results.
    split : str, optional
        Which sequences.

    Raises
    ------
    FrtmError
        If there are none.
    """
    clips = []
    for sequence in find_sequences(root, split):
        first = sequence.truth[0]
        names = sorted(p.stem for p in sequence.images.iterdir() if not p.name.startswith("."))
        index = names.index(first.stem)
        clips.append(
            Clip(name=sequence.name, video=sequence.images.absolute(), masks=(f"{index}:{first}",))
        )
    return BatchJob(out=out.absolute(), clips=tuple(clips))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one job file, and says in which line a mistake is."""

    path: Path
    text: str

    def job(self, content: dict[str, Any], out: Path | None) -> BatchJob:
        """Return the job."""
        settings = self._table(content.get("settings", {}), "settings")
        exports = [
            self._made(Export, table, "exports", n)
            for n, table in enumerate(self._tables(content, "exports"))
        ]
        for n, export in enumerate(exports):
            if export.format not in FORMATS:
                known = ", ".join(FORMATS)
                self._fail(f"'format' must be one of {known}, got {export.format!r}.", "exports", n)
        self._check_settings(settings, "settings")
        clips = [
            self._clip(table, settings, n) for n, table in enumerate(self._tables(content, "clips"))
        ]
        if not clips:
            self._fail("'clips' must have one clip at least: [[clips]].")
        self._check_names(clips)
        top = {k: v for k, v in content.items() if k not in ("settings", "exports", "clips")}
        folder = self.path.absolute().parent
        top["out"] = str(folder / str(top.get("out", "results")) if out is None else out.absolute())
        shown: dict[str, Any] = {"clips": [], "exports": []}
        job = self._made(BatchJob, {**shown, **top})
        return replace(job, clips=tuple(clips), exports=tuple(exports))

    def _clip(self, table: dict[str, Any], common: dict[str, Any], n: int) -> Clip:
        """Return a clip, whose own settings come before those of all."""
        own = self._table(table.get("settings", {}), "clips.settings", n)
        self._check_settings(own, "clips.settings", n)
        clip = self._made(Clip, {**table, "settings": {**common, **own}}, "clips", n)
        folder = self.path.absolute().parent
        clip = replace(
            clip,
            video=None if clip.video is None else folder / clip.video,
            session=None if clip.session is None else folder / clip.session,
            masks=tuple(_below(folder, entry) for entry in clip.masks),
            settings=_with_weights(folder, clip.settings),
        )
        problem = _problem(clip)
        if problem:
            self._fail(problem, "clips", n)
        source = clip.video or clip.session
        assert source is not None
        name = session_name(source).removesuffix(".frtm") if clip.video else source.stem
        return clip if clip.name else replace(clip, name=name)

    def _check_settings(self, table: dict[str, Any], where: str, n: int = 0) -> None:
        chosen = self._made(ClipSettings, table, where, n)
        try:
            chosen.changed(preset(chosen.preset or PRESETS[0]))
        except ValueError as error:
            self._fail(str(error), where, n)

    def _check_names(self, clips: Sequence[Clip]) -> None:
        known: dict[str, int] = {}
        for n, clip in enumerate(clips):
            first = known.setdefault(clip.name.casefold(), n)
            if first != n:
                line = self._line("clips", first)
                self._fail(
                    f"'name' must differ from those of other clips: '{clip.name}' is that of the "
                    f"clip in line {line}, too.",
                    "clips",
                    n,
                )

    def _tables(self, content: dict[str, Any], name: str) -> list[dict[str, Any]]:
        tables = content.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
            self._fail(f"'{name}' must be tables: write [[{name}]] before each.")
        return list(tables)

    def _table(self, value: object, where: str, n: int = 0) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._fail("'settings' must be a table.", where.rpartition(".")[0], n)
        assert isinstance(value, dict)
        return value

    def _made(self, cls: type[T], table: dict[str, Any], where: str = "", n: int = 0) -> T:
        """Return a dataclass of a table; what is wrong is told with its line."""
        try:
            return structured(cls, table)
        except (TypeError, ValueError) as error:
            self._fail(str(error), where, n)
            raise AssertionError from error

    def _fail(self, message: str, where: str = "", n: int = 0) -> None:
        named = _FIELD.search(message)
        key = "" if named is None else named[1] or named[2]
        line = self._line(where, n, key)
        place = f", line {line}" if line else ""
        raise JobError(f"{self.path.name}{place}: {message.rstrip('.')}.") from None

    def _line(self, where: str, n: int = 0, key: str = "") -> int:
        """Return the line of a key in the table that is number `n` of its name, or of the table."""
        table, count = "", -1
        found = 0 if where else 1
        for number, line in enumerate(self.text.splitlines(), 1):
            header = _HEADER.fullmatch(line)
            if header:
                table = header[2].replace(" ", "")
                count += table == where.partition(".")[0]
            here = table == where and (count == n or not where or where == "settings")
            if here and header and where:
                found = number
            if here and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
                return number
        return found


def _below(folder: Path, entry: str) -> str:
    """Return a mask with its path from a folder on."""
    index, file = mask_entry(entry)
    return f"{folder / file}" if index is None else f"{index}:{folder / file}"


def _with_weights(folder: Path, settings: ClipSettings) -> ClipSettings:
    """Return settings whose weights are found from any folder on; names of weights stay names."""
    if settings.backbone_weights is not None:
        settings = replace(settings, backbone_weights=folder / settings.backbone_weights)
    if settings.checkpoint is not None and (folder / settings.checkpoint).is_file():
        settings = replace(settings, checkpoint=str(folder / settings.checkpoint))
    return settings


def _problem(clip: Clip) -> str:
    """Say what is wrong with a clip; empty if nothing is."""
    if (clip.video is None) == (clip.session is None):
        return "'video' must be given, or 'session', and not both."
    if clip.video is not None and not is_there(clip.video):
        return f"'video' must be there: there is no {clip.video}."
    if clip.video is not None and not clip.masks:
        return "'masks' must be given: masks = ['first.png']."
    if clip.session is not None and not is_session(clip.session):
        return f"'session' must be a session folder, which {clip.session} is not."
    for entry in clip.masks:
        if not mask_entry(entry)[1].is_file():
            return f"'masks' must be files: there is no {mask_entry(entry)[1]}."
    chosen = clip.settings
    if clip.session is not None and (chosen.split_at_keyframes or chosen.split_objects):
        return "'session' must not be split; only clips of a video with masks can be."
    if chosen.split_objects and chosen.changed(preset(chosen.preset or PRESETS[0])).locality:
        return (
            "'split_objects' must not stand beside local, as of the preset cells, which looks at "
            "all objects."
        )
    return ""
