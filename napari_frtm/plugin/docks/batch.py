"""Dock *Batch*: videos that other processes follow, while the user works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtCore import QEvent

    from napari_frtm.plugin.run.batch_process import Sent

_COLUMNS = ("Video", "State", "Frames", "Confidence")
_EMPTY = "Nothing was sent yet: Propagate, Send to batch."


class Batch(QWidget):  # type: ignore[misc]
    """Shows what was sent, and says where it is done.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose sessions are sent.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.sending = workspace_view(viewer).workspace.sending
        self.workers, self.scheduler = QSpinBox(), QLineEdit()
        self.table = QTableWidget(0, len(_COLUMNS))
        self.stop_button, self.report_button = QPushButton("Stop"), QPushButton("Report")
        self.status = QLabel()
        self._follows = False
        self._lay_out()
        self._describe()
        self.workers.valueChanged.connect(self._choose)
        self.scheduler.editingFinished.connect(self._choose)
        self.stop_button.clicked.connect(self.sending.stop)
        self.report_button.clicked.connect(self._report)
        self._follow(True)

    def changeEvent(self, event: QEvent) -> None:
        """Rest while the dock is closed: napari then takes the widget out of it."""
        if event.type() == event.Type.ParentChange:
            self._follow(self.parent() is not None)
        super().changeEvent(event)

    def look(self) -> None:
        """Show how far everything is now."""
        sent = list(self.sending.sent.values())
        self.table.setRowCount(len(sent))
        for row, each in enumerate(sent):
            for column, text in enumerate(_row(each)):
                item = QTableWidgetItem(text)
                item.setToolTip(each.reason or str(each.session))
                self.table.setItem(row, column, item)
        self.stop_button.setEnabled(self.sending.is_running)
        self.report_button.setEnabled(self.sending.report is not None)
        self.workers.setEnabled(not self.sending.is_running)
        self.scheduler.setEnabled(not self.sending.is_running)
        failed = [each for each in sent if each.state == "failed"]
        done = sum(each.state == "done" for each in sent)
        text = f"{done} of {len(sent)} done." if sent else _EMPTY
        if failed:
            text += f"\n{failed[-1].name} failed: {failed[-1].reason}"
        self.status.setText(text)

    def _choose(self) -> None:
        self.sending.workers = self.workers.value()
        self.sending.scheduler = self.scheduler.text().strip()

    def _report(self) -> None:
        """Show the page about the last batch in the user's browser."""
        if (page := self.sending.report) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(page)))

    def _follow(self, follows: bool) -> None:
        """Follow what is going on, or rest."""
        if follows == self._follows:
            return
        self._follows = follows
        if follows:
            self.sending.changed.connect(self.look)
            self.workers.setValue(self.sending.workers)
            self.scheduler.setText(self.sending.scheduler)
            self.look()
        else:
            self.sending.changed.disconnect(self.look)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Processes", self.workers)
        form.addRow("Scheduler", self.scheduler)
        layout = QVBoxLayout(self)
        buttons = QHBoxLayout()
        buttons.addWidget(self.stop_button)
        buttons.addWidget(self.report_button)
        layout.addLayout(form)
        layout.addWidget(self.table)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.status.setWordWrap(True)

    def _describe(self) -> None:
        self.workers.setRange(0, 64)
        self.workers.setSpecialValueText("as many as there is room for")
        self.scheduler.setPlaceholderText("this machine")
        self.workers.setToolTip("Processes on this machine that follow a video each.")
        self.scheduler.setToolTip(
            "Address of a dask scheduler, such as tcp://10.0.0.1:8786, whose workers see the same "
            "files; empty for this machine."
        )
        self.stop_button.setToolTip(
            "Stop what runs and what waits. Frames that are finished stay, and Continue unfinished "
            "run goes on there."
        )
        self.report_button.setToolTip(
            "Time, frames, confidence and worst frame of each video, in your browser. It stays in "
            "the folder of the batch."
        )


def _row(sent: Sent) -> tuple[str, ...]:
    share = f"{sent.done} / {sent.total}" if sent.total else ""
    sure = "" if sent.confidence is None else f"{sent.confidence:.2f}"
    return sent.name, sent.state, share, sure
