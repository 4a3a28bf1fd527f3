"""The form of *Export*: in which format, what of the masks, and where to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)
from superqt import QCollapsible

from napari_frtm.errors import FrtmError, OutputError
from napari_frtm.io.export.extras import missing
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.export.settings import EdgeSettings, ExportSettings, OddSides
from napari_frtm.plugin.docks.export.fields import EdgesBox
from napari_frtm.plugin.docks.propagate.entries import parse_objects

if TYPE_CHECKING:
    from napari_frtm.io.export.formats import Format

_RANGE, _ALL = "In to Out", "All"
_DEPTHS = {"as it fits": 0, "8 bits": 8, "16 bits": 16, "32 bits": 32}
_ODD = {
    "refuse": OddSides.REFUSE,
    "repeat the last": OddSides.PAD,
    "leave out the last": OddSides.CROP,
}
_KEPT = -1
_HARD = "There are no soft masks (Propagate, Probabilities), so edges are hard ones, antialiased."

T = TypeVar("T")


class ExportForm(QWidget):  # type: ignore[misc]
    """What an export is asked for."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.format = QComboBox()
        self.needs = QLabel()
        self.frames = QComboBox()
        self.objects = QLineEdit()
        self.names = QLineEdit("%05d")
        self.start = QSpinBox()
        self.depth = QComboBox()
        self.premultiplied = QCheckBox("Premultiplied")
        self.audio = QCheckBox("With sound")
        self.odd = QComboBox()
        self.destination = QLineEdit()
        self.browse_button = QPushButton("…")
        self.overwrite = QCheckBox("Overwrite")
        self.edges = EdgesBox()
        self.edges_fold = QCollapsible("Edges", expandedIcon="▾", collapsedIcon="▸")
        self._folder, self._name, self._soft = Path.home(), "masks", True
        self._size = (0, 0)
        self._proposed = ""
        self._fill()
        self._lay_out()
        self._describe()
        self.format.currentIndexChanged.connect(self.look)
        self.edges.inputs["matting"].toggled.connect(self.look)
        self.browse_button.clicked.connect(self.browse)
        self.look()

    @property
    def kind(self) -> Format:
        """The format chosen."""
        return FORMATS[self.format.currentData()]

    @property
    def missing(self) -> str:
        """What has to be installed first; empty if nothing has."""
        return missing(self.kind.package, self._of("edges", self.edges.edges.matting, False))

    def settings(self, span: range) -> ExportSettings:
        """Return what is asked for.

        Parameters
        ----------
        span : range
            In to Out.

        Raises
        ------
        FrtmError
            If something is no name, label or place, or something has to be installed.
        """
        if self.missing:
            raise OutputError(f"{self.kind.label}: {self.missing}")
        text = self.destination.text().strip()
        if not text:
            raise OutputError("There is no destination. Name the file or folder to write.")
        objects = parse_objects(self.objects.text())
        try:
            settings = ExportSettings(
                format=self.format.currentData(),
                destination=Path(text).expanduser(),
                span=self.span(span),
                objects=None if objects is None else tuple(sorted(objects)),
                start=None if self.start.value() == _KEPT else self.start.value(),
                overwrite=self.overwrite.isChecked(),
            )
            return replace(
                settings,
                names=self._of("names", self.names.text(), settings.names),
                depth=self._of("depth", self.depth.currentData(), 0),
                premultiplied=self._of("premultiplied", self.premultiplied.isChecked(), False),
                audio=self._of("audio", self.audio.isChecked(), False),
                odd=self._of("odd", OddSides(self.odd.currentData()), OddSides.REFUSE),
                edges=self._of("edges", self.edges.edges, EdgeSettings()),
            )
        except ValueError as error:  # of a configuration
            raise FrtmError(f"This cannot be exported: {error}") from error

    def span(self, span: range) -> range | None:
        """Return the frames chosen, None for all, where In to Out is `span`."""
        return span if self.frames.currentText() == _RANGE else None

    def propose(
        self, folder: Path, name: str, *, soft: bool, size: tuple[int, int] = (0, 0)
    ) -> None:
        """Let files be called after masks, in a folder, unless the user has named a place.

        Parameters
        ----------
        folder : Path
            Where they are written.
        name : str
            Of the masks.
        soft : bool
            Whether there are soft masks, too.
        size : tuple of int
            Height and width of frames, pixels.
        """
        known = self._folder, self._name, self._soft, self._size
        if (folder, name, soft, size) != known:
            self._folder, self._name, self._soft, self._size = folder, name, soft, size
            self.look()

    def look(self) -> None:
        """Show what makes a difference to the format chosen, and what it needs."""
        kind = self.kind
        pairs = {
            "names": (self.names,),
            "depth": (self.depth,),
            "premultiplied": (self.premultiplied,),
            "audio": (self.audio,),
            "edges": (self.edges_fold,),
        }
        for option, widgets in pairs.items():
            for widget in widgets:
                self._show_row(widget, option in kind.uses)
        odd = kind.odd(self._size)
        self._show_row(self.odd, bool(odd))
        video = "Needs the pixels of the video." if kind.needs_video else ""
        hard = "" if self._soft or "edges" not in kind.uses else _HARD
        texts = (self.missing, video, hard, odd)
        self.needs.setText("\n".join(text for text in texts if text))
        self.needs.setVisible(bool(self.needs.text()))
        proposed = str(self._folder / f"{self._name}_{self.format.currentData()}{kind.suffix}")
        if self.destination.text() in ("", self._proposed):
            self.destination.setText(proposed)
        self._proposed = proposed
        self.changed.emit()

    def browse(self) -> None:
        """Ask for the destination."""
        kind, start = self.kind, self.destination.text()
        if kind.suffix and not kind.folder:
            options = QFileDialog.Option.DontConfirmOverwrite  # "Overwrite" says it
            name, _ = QFileDialog.getSaveFileName(
                self, "Export to", start, f"{kind.label} (*{kind.suffix})", options=options
            )
        else:
            name = QFileDialog.getExistingDirectory(self, "Export into", str(Path(start).parent))
            name = str(Path(name) / Path(start).name) if name and kind.folder else name
        if name:
            self.destination.setText(name)

    def _of(self, option: str, chosen: T, plain: T) -> T:
        """Return what is chosen, if it makes a difference to the format."""
        return chosen if option in self.kind.uses else plain

    def _show_row(self, widget: QWidget, shown: bool) -> None:
        widget.setVisible(shown)
        label = self._form.labelForField(widget)
        if label is not None:
            label.setVisible(shown)

    def _fill(self) -> None:
        for name, kind in FORMATS.items():
            self.format.addItem(kind.label, name)
        self.frames.addItems([_RANGE, _ALL])
        for text, bits in _DEPTHS.items():
            self.depth.addItem(text, bits)
        for text, what in _ODD.items():
            self.odd.addItem(text, what)
        self.start.setRange(_KEPT, 10_000_000)
        self.start.setSpecialValueText("as in the video")
        self.start.setValue(_KEPT)

    def _lay_out(self) -> None:
        self._form = form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        place = QHBoxLayout()
        place.addWidget(self.destination)
        place.addWidget(self.browse_button)
        self.edges_fold.addWidget(self.edges)
        form.addRow("Format", self.format)
        form.addRow(self.needs)
        form.addRow("Frames", self.frames)
        form.addRow("Objects", self.objects)
        form.addRow("Names", self.names)
        form.addRow("First number", self.start)
        form.addRow("Depth", self.depth)
        form.addRow(self.premultiplied)
        form.addRow(self.audio)
        form.addRow("Odd sides", self.odd)
        form.addRow(self.edges_fold)
        form.addRow("To", place)
        form.addRow(self.overwrite)
        self.needs.setWordWrap(True)
        self.browse_button.setMaximumWidth(30)
        for combo in (self.format, self.frames, self.depth, self.odd):
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(8)
            combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def _describe(self) -> None:
        self.format.setToolTip("What to write.")
        self.frames.setToolTip("In to Out of Propagate, or all frames.")
        self.objects.setToolTip("Labels of the objects to write, such as 1, 3-5; all if empty.")
        self.objects.setPlaceholderText("all")
        self.names.setToolTip("What files are called, with the frame's number: shot_%04d")
        self.start.setToolTip("Number of the first frame that is written.")
        self.depth.setToolTip("Bits of a channel.")
        self.premultiplied.setToolTip("Colours times alpha; else straight colours.")
        self.audio.setToolTip("Take over the sound of the video.")
        self.odd.setToolTip("What becomes of an odd row or column: this format has none.")
        self.destination.setToolTip("The file to write, or the folder for formats of many files.")
        self.browse_button.setToolTip("Choose the destination.")
        self.overwrite.setToolTip("Replace files that are there.")
