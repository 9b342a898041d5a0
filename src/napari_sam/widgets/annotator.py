"""The dock widget "Segment Anything"."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout

from napari_sam.settings import config_folder, read_settings, write_settings
from napari_sam.wording import amount

from .annotating.sections import Sections
from .annotating.starting import Starting
from .background.jobs import Jobs
from .background.kept_programs import keep_programs
from .background.leaving import Leaving
from .background.set_aside import SetAside
from .controls.dock import Dock
from .forms.channel_habit import ChannelHabit
from .forms.object_look import ObjectLook
from .forms.object_panel import MARGIN
from .forms.pages import Pages
from .forms.panel import NEW_LABELS, NEW_PROMPTS
from .getting_ready import known_models
from .keys.keymap import Keymap

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Layer
    from psygnal import SignalInstance

    from napari_sam.session.preference import Preference

    from .annotating.annotation import Annotation
    from .layers.mixed import Mixed
    from .objects.objects import Objects
    from .objects.saving import Saving
    from .proposals.reviewing import Reviewing
    from .stack.stack import Stack


class AnnotatorWidget(Dock):
    """Choose an image and a model, start, and annotate.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        napari passes it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        keep_programs()
        self._viewer = napari_viewer
        self._file = config_folder() / "annotator.json"
        self._settings = read_settings(self._file)
        self.annotation: Annotation | None = None
        self.stack: Stack | None = None
        self.reviewing: Reviewing | None = None
        self.objects: Objects | None = None
        self.saving: Saving | None = None
        self._next: tuple[Layer, Layer] | None = None
        self._wires: tuple[tuple[SignalInstance, Callable[..., object]], ...] = ()
        self.pages = Pages(self)
        self.panel, self.object_panel = self.pages.panel, self.pages.object_panel
        self.key_page = self.pages.key_page
        self._sections = Sections(self.pages.say, self.pages.fail)
        self.jobs = Jobs(self)
        self._aside = SetAside(napari_viewer.layers, self)
        self.leaving = Leaving(napari_viewer.layers, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.panel.status)
        self.panel.status.setContentsMargins(MARGIN, 0, MARGIN, MARGIN)
        self._starting = Starting(
            napari_viewer, self.panel, self.jobs, self._aside, lambda: self.key_page.keymap
        )
        self._restore()
        self._connect()
        self.reset_choices()
        self.panel.start.setEnabled(False)
        self.jobs.run("Getting ready", known_models, self.panel.computing.show_models)

    def _connect(self) -> None:
        panel, jobs = self.panel, self.jobs
        panel.start_asked.connect(self._start_or_stop)
        panel.cancel_asked.connect(self._cancel)
        panel.commit_asked.connect(lambda: self.annotation and self.annotation.commit())
        panel.clear_asked.connect(lambda: self.annotation and self.annotation.clear())
        panel.undo_asked.connect(lambda: self.annotation and self.annotation.undo())
        panel.thumbnails.chosen.connect(lambda choice: self.annotation and self.annotation.commit(choice))
        panel.tool_asked.connect(self._use_tool)
        panel.outside_asked.connect(self._set_outside)
        panel.image.currentIndexChanged.connect(lambda _: self._starting.follow_image())
        panel.channels.how.currentIndexChanged.connect(lambda _: self._starting.follow_channels())
        for combo in (panel.image, panel.labels, panel.prompts, panel.model, panel.device):
            combo.activated.connect(lambda _: self.pages.settle())
        panel.hint_closed.connect(self._close_hint)
        self.key_page.changed.connect(self._use_keys)
        panel.forget_asked.connect(lambda: self.annotation and self.annotation.chooser.forget())
        self._starting.begun.connect(self._attach)
        self._starting.failed.connect(self.pages.fail)
        self._starting.spaces.known.connect(self.reset_choices)
        jobs.started.connect(panel.job.begin)
        jobs.progressed.connect(panel.job.show_progress)
        jobs.named.connect(panel.job.begin)
        jobs.idle.connect(panel.job.end)
        jobs.idle.connect(self._idle)
        jobs.failed.connect(self.pages.fail)
        for event in self._layer_events():
            event.connect(self.reset_choices)

    def _restore(self) -> None:
        """Look as the last time."""
        panel, settings = self.panel, self._settings
        panel.computing.restore(settings)
        panel.channels.habit = ChannelHabit.from_settings(settings.get("channels"))
        panel.hint.setVisible(bool(settings.get("hint", True)))
        self.key_page.show_keymap(Keymap.from_settings(settings.get("keys")))
        self.pages.set_keymap(self.key_page.keymap)
        panel.set_learned(0, "")

    def _remember(self, **values: Any) -> None:
        self._settings = {**self._settings, **values}
        with suppress(OSError):  # then it is remembered while the window is open
            write_settings(self._file, self._settings)

    def _use_keys(self, keymap: Keymap) -> None:
        self._remember(keys=keymap.to_settings())
        self.pages.set_keymap(keymap)
        if self.annotation is not None:
            self.annotation.keyboard.use(keymap)

    def _remember_look(self, look: ObjectLook) -> None:
        self._remember(objects=look.to_settings())

    def _close_hint(self) -> None:
        self.panel.hint.setVisible(False)
        self._remember(hint=False)

    def _layer_events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        names = ("inserted", "removed", "reordered", "renamed")  # the last one is younger than napari 0.6
        return tuple(getattr(events, name) for name in names if hasattr(events, name))

    def event(self, event: QEvent) -> bool:
        """Stop for good when napari takes the dock away."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.stop()
            self.leaving.finish()
            self.jobs.close()
            self._starting.spaces.close()
            self._aside.close()
            for source in self._layer_events():
                source.disconnect(self.reset_choices)
            # by Qt and in its thread: Python would delete it wherever it next collects garbage
            self.deleteLater()
        return bool(super().event(event))

    def reset_choices(self, event: Any = None) -> None:  # napari calls it with or without
        """Offer the layers that there are now; while one is annotated, only by the names that they have."""
        from napari.layers import Image, Labels, Points, Shapes

        if self.annotation is not None:
            self.panel.rename_choices(self.panel.image, self._choices(Image))
            self.panel.name_labels(self.annotation.writer.labels.name)
            return
        prompts, images = (*self._choices(Points), *self._choices(Shapes)), self._choices(Image)
        if len(images) > self.panel.image.count() and getattr(event, "type", "") == "inserted":
            self.pages.settle()  # not at Stop, whose reason is to be read
        self.panel.set_choices(self.panel.image, images)
        self.panel.set_choices(self.panel.labels, [(NEW_LABELS, ""), *self._choices(Labels)])
        self.panel.set_choices(self.panel.prompts, [(NEW_PROMPTS, ""), *prompts])
        self._starting.follow_image()

    def _choices(self, kind: type[Layer]) -> list[tuple[str, str]]:
        """Return the layers of a kind by name, each with what it is known by when it is renamed."""
        return [(each.name, str(each.unique_id)) for each in self._viewer.layers if isinstance(each, kind)]

    def choose(self, image: Layer, labels: Layer) -> str:
        """Choose an image and its labels; at Stop if another one is annotated, whose name is returned."""
        combo = self.panel.image
        busy = self.annotation is not None and combo.currentData() != str(image.unique_id)
        self._next = (image, labels) if busy else None
        if self.annotation is None:
            self._starting.choose(image, labels)
        return combo.currentText() if busy else ""

    def start(self) -> None:
        """Start annotating what is chosen, unless something is being annotated already."""
        if self.annotation is not None:
            return
        self.leaving.finish()
        self.reset_choices()  # napari before 0.7 does not tell of renamed layers
        self._starting.start()

    def _attach(self, annotation: Annotation, image: Image | Mixed) -> None:
        from .layers.image_file import file_of
        from .layers.planes import layers_of
        from .objects.objects import Objects
        from .objects.saving import Saving
        from .proposals.reviewing import Reviewing
        from .stack.stack import Stack

        viewer, sections, panel = self._viewer, self._sections, self.panel
        self._remember(**panel.computing.settings, channels=panel.channels.remember().to_settings())
        self.annotation = sections.hear(annotation)
        self.stack = sections.hear(Stack(viewer, image, annotation, panel.stack))
        self.reviewing = sections.hear(Reviewing(viewer, image, annotation, panel.segment_all))
        look = ObjectLook.from_settings(self._settings.get("objects"))
        self.objects = sections.hear(Objects(viewer, image, annotation, self.object_panel, look))
        files = [file for file in map(file_of, layers_of(image)) if file is not None]
        self.saving = sections.hear(Saving(annotation, self.object_panel, files))
        wires: tuple[tuple[SignalInstance, Callable[..., object]], ...] = (
            (annotation.stopped, self.stop),
            (annotation.settled, self.pages.settle),
            (annotation.session.proposed, self._show_proposals),
            (annotation.prompts.changed, self._show_pending),
            (annotation.committing.prompts_changed, self._show_pending),
            (annotation.prompts.polarity_changed, lambda positive: panel.set_outside(not positive)),
            (annotation.chooser.marked, self._show_mark),
            (annotation.chooser.learned, self._show_learned),
            (self.objects.look_changed, self._remember_look),
        )
        for signal, slot in wires:
            signal.connect(slot)
        self._wires = wires
        self.pages.trouble = lambda: annotation.trouble
        self._show_learned(annotation.chooser.preference)
        self.panel.name_labels(annotation.writer.labels.name)
        self.pages.set_running(True)
        self._show_pending()

    def stop(self) -> None:
        """Stop annotating; labels stay."""
        annotation, self.annotation = self.annotation, None
        if annotation is None:
            self.jobs.cancel()
            return
        for signal, slot in self._wires:
            signal.disconnect(slot)
        self.pages.trouble = str
        self.leaving.take(self._sections.close())
        if self.saving is not None and self.saving.jobs.busy:  # or nobody would hear that it failed
            self.saving.said.connect(self.pages.say)
            self.saving.failed.connect(self.pages.fail)
        self.stack = self.reviewing = self.objects = self.saving = None
        self.pages.set_running(False)
        if annotation.part is not None:  # or Start would offer what was committed again
            self.panel.prompts.setCurrentIndex(0)
        self.reset_choices()
        self._starting.suggest_labels()  # so that starting again goes on with them
        if self._next is not None:
            self.choose(*self._next)

    def _idle(self) -> None:
        """Let the person start, or stop what was begun."""
        self.panel.start.setEnabled(True)
        self.panel.set_choosing(choosing=self.annotation is None)
        self.panel.model.note_download()

    def _start_or_stop(self) -> None:
        if self.annotation is None:
            self.start()
        else:
            self.pages.say("")  # what was told last, such as what a click or a key does, is not so after Stop
            self.stop()

    def _cancel(self) -> None:
        """Cancel a job; stop where no plane is open, nor was, since there is nothing to annotate on."""
        self.jobs.cancel()
        annotation, go_on = self.annotation, ""
        if annotation is not None and not annotation.session.ready:
            go_on = annotation.go_on
            if not go_on:
                self.stop()
        self.pages.say(f"Cancelled. {go_on}".rstrip())

    def _show_pending(self) -> None:
        """Show whether there is something to commit, and something to clear."""
        if self.annotation is not None:
            prompted = not self.annotation.prompts.empty
            self.panel.set_pending(len(self.annotation.session.proposals), prompted=prompted)

    def _show_proposals(self, proposals: tuple[Any, ...]) -> None:
        self._show_pending()
        annotation = self.annotation
        part = None if annotation is None else annotation.part
        if annotation is not None and part is not None and annotation.chooser.offer is not None:
            self.panel.thumbnails.show_offer(annotation.chooser.offer, part.picture, part.window.origin)
            correcting = "" if self.reviewing is None else self.reviewing.task
            taken_back = annotation.prompts.history.told(annotation.seeing.plane)
            self.pages.say(annotation.committing.task or correcting or taken_back)
            return
        self.panel.thumbnails.clear()
        if annotation is not None and len(proposals) > 1:
            enter, escape = (self.key_page.keymap.text(each) for each in ("commit", "clear"))
            told = f"{len(proposals)} boxes: {enter} commits one cell for each, {escape} drops them"
            lost = annotation.prompts.in_no_box
            self.pages.say(told + (f"; {amount(lost, 'point')} in none of them: not used." if lost else "."))

    def _show_mark(self, index: int) -> None:
        if self.annotation is not None and self.annotation.chooser.offer is not None:
            self.panel.thumbnails.mark(self.annotation.chooser.offer, index)

    def _show_learned(self, preference: Preference) -> None:
        weights = "".join(f"<br>{name}: {value:.2f}" for name, value in asdict(preference).items())
        self.panel.set_learned(preference.choices, f"Weights of the suggestion, from your choices:{weights}")
        if preference.choices:
            self._close_hint()

    def _use_tool(self, tool: str) -> None:
        if self.annotation is not None:
            getattr(self.annotation.prompts, f"use_{tool}")()

    def _set_outside(self, outside: bool) -> None:
        if self.annotation is not None:
            self.annotation.prompts.positive = not outside
