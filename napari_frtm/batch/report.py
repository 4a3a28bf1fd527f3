"""What came of a batch, as a page to look at and a table for other programs."""

from __future__ import annotations

import base64
import csv
from html import escape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.batch.job import RESULTS
from napari_frtm.batch.progress import State
from napari_frtm.io.atomic import reporting, write_bytes
from napari_frtm.timeline import DOUBTFUL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_frtm.batch.progress import ClipState

PAGE, TABLE = "report.html", "report.csv"
_WORST = 24
"""Clips that are shown as pictures, those of least confidence."""
_COLUMNS = (
    *("name", "state", "frames", "objects", "seconds", "frames_per_second", "confidence"),
    *("lowest", "worst_frame", "doubtful", "attempts", "worker", "device", "session", "reason"),
)
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.worst { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: 320px; } figure img { max-width: 100%; display: block; }
figcaption { font-size: .85rem; padding-top: .2rem; }
.low { color: #a33; font-weight: 600; } .failed td { background: #fbeaea; }
code { overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #1b1b1b; }
  th, td { border-color: #444; } .failed td { background: #432; } .low { color: #f88; } }
"""


def write_report(out: Path, clips: Sequence[ClipState], seconds: float) -> tuple[Path, Path]:
    """Write what came of all clips; return the page and the table.

    Parameters
    ----------
    out : Path
        Folder of the job.
    clips : sequence of ClipState
        All of them.
    seconds : float
        How long all took, this time.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    with reporting(out):
        out.mkdir(parents=True, exist_ok=True)
    page, table = out / PAGE, out / TABLE
    write_bytes(table, _table(clips).encode())
    write_bytes(page, _page(out, clips, seconds).encode())
    return page, table


def worst_first(clips: Sequence[ClipState]) -> list[ClipState]:
    """Return the clips that are done, those with the least confident frame first."""
    done = [clip for clip in clips if clip.result is not None]
    return sorted(done, key=_lowest)


def _lowest(clip: ClipState) -> tuple[float, str]:
    assert clip.result is not None
    lowest = clip.result.lowest
    return (2.0 if lowest is None else lowest), clip.name


def _table(clips: Sequence[ClipState]) -> str:
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for clip in clips:
        row = _row(clip)
        writer.writerow([row[name] for name in _COLUMNS])
    return file.getvalue()


def _row(clip: ClipState) -> dict[str, object]:
    result = clip.result
    row: dict[str, object] = dict.fromkeys(_COLUMNS, "")
    row |= {"name": clip.name, "state": str(clip.state), "attempts": clip.attempts}
    row["reason"] = " | ".join(clip.failures)
    if result is not None:
        row |= {
            "frames": result.frames,
            "objects": " ".join(map(str, result.objects)),
            "seconds": f"{result.seconds:.2f}",
            "frames_per_second": f"{result.computed / max(result.seconds, 1e-9):.2f}",
            "confidence": "" if result.confidence is None else f"{result.confidence:.4f}",
            "lowest": "" if result.lowest is None else f"{result.lowest:.4f}",
            "worst_frame": result.worst_frame,
            "doubtful": result.doubtful,
            "worker": result.worker,
            "device": result.device,
            "session": result.session,
        }
    return row


def _page(out: Path, clips: Sequence[ClipState], seconds: float) -> str:
    done, failed = worst_first(clips), [c for c in clips if c.state is State.FAILED]
    frames = sum(clip.result.frames for clip in done if clip.result is not None)
    summary = f"{len(done)} of {len(clips)} clips are done, {frames} frames; {len(failed)} failed."
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>Batch: {escape(out.name)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(out.name)}</h1><p>{summary} It took {_duration(seconds)}.</p>",
        _failures(failed),
        "<h2>Worst frames</h2><p>The frame of each clip that the program trusts least, worst clips "
        f"first. Below {DOUBTFUL} is worth a look: <code>napari SESSION</code> opens a clip.</p>",
        f"<div class='worst'>{''.join(_figure(out, clip) for clip in done[:_WORST])}</div>",
        _clips([*done, *(c for c in clips if c.result is None)]),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _failures(failed: Sequence[ClipState]) -> str:
    if not failed:
        return ""
    rows = "".join(
        f"<tr class='failed'><td>{escape(clip.name)}</td><td class='n'>{clip.attempts}</td>"
        f"<td>{escape(clip.failures[-1])}</td></tr>"
        for clip in failed
    )
    head = "<tr><th>Clip</th><th class='n'>Attempts</th><th>Why</th></tr>"
    return f"<h2>Failed</h2><table>{head}{rows}</table>"


def _figure(out: Path, clip: ClipState) -> str:
    result = clip.result
    assert result is not None
    try:
        picture = (out / RESULTS / f"{clip.name}.jpg").read_bytes()
    except OSError:
        return ""
    data = base64.b64encode(picture).decode()
    lowest = "unknown" if result.lowest is None else f"{result.lowest:.2f}"
    kind = " class='low'" if result.lowest is not None and result.lowest < DOUBTFUL else ""
    return (
        f"<figure><img alt='{escape(clip.name)}, frame {result.worst_frame}' "
        f"src='data:image/jpeg;base64,{data}'><figcaption>{escape(clip.name)}, frame "
        f"{result.worst_frame}: <span{kind}>{lowest}</span></figcaption></figure>"
    )


def _clips(clips: Sequence[ClipState]) -> str:
    names = ("Frames", "Seconds", "Frames/s", "Confidence", "Lowest", "at", "Doubtful", "Attempts")
    head = "".join(f"<th class='n'>{name}</th>" for name in names)
    keys = ("frames", "seconds", "frames_per_second", "confidence", "lowest", "worst_frame")
    rows = []
    for clip in clips:
        row = _row(clip)
        cells = "".join(f"<td class='n'>{row[key]}</td>" for key in (*keys, "doubtful", "attempts"))
        where = _relative(str(row["session"]))
        rows.append(
            f"<tr><td>{escape(clip.name)}</td><td>{clip.state}</td>{cells}"
            f"<td><code>{escape(where)}</code></td></tr>"
        )
    return (
        f"<h2>All clips</h2><table><tr><th>Clip</th><th>State</th>{head}<th>Session</th></tr>"
        f"{''.join(rows)}</table>"
    )


def _relative(path: str) -> str:
    return Path(path).name if path else ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
