"""From Start to an annotation: what is chosen, what there is of it, and the model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_sam.errors import NapariSamError

from ..layers.image_file import FileSpaces, file_of
from ..layers.planes import image_shape
from .earlier_starts import EarlierStarts

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from qtpy.QtWidgets import QComboBox

    from napari_sam.predict import Predictor

    from ..background.jobs import Job, Jobs
    from ..background.set_aside import SetAside
    from ..forms.panel import Panel
    from ..keys.keymap import Keymap
    from ..layers.strokes import Strokes
    from .earlier import Earlier


class Starting:
    """Begins to annotate what is chosen in a panel, once a worker has found what there is of it.

    Importing torch, loading the model and everything else that takes long happens in the worker.

    Signals
    -------
    begun : Annotation, napari.layers.Image or Mixed
        What was chosen is annotated from now on.
    failed : str
        One sentence about why it did not begin.

    Attributes
    ----------
    spaces : FileSpaces
        Looks up what the file of the chosen image says.

    Parameters
    ----------
    viewer : napari.Viewer
    panel : Panel
        Where layers and model are chosen.
    jobs : Jobs
        Runs what takes long.
    aside : SetAside
        Spares the garbage collection what is there by then.
    keymap : callable
        Gives the keys that the person has chosen.
    """

    begun = Signal(object, object)
    failed = Signal(str)

    def __init__(
        self, viewer: napari.Viewer, panel: Panel, jobs: Jobs, aside: SetAside, keymap: Callable[[], Keymap]
    ) -> None:
        self._viewer, self._panel, self._jobs = viewer, panel, jobs
        self._aside, self._keymap = aside, keymap
        self._strokes: Strokes | None = None
        self._predictors: dict[tuple[str, str, int], Predictor] = {}
        jobs.idle.connect(self._forget_strokes)
        self._starts = EarlierStarts()
        self._suggested_for: Any = None
        self.spaces = FileSpaces(panel)

    def start(self) -> None:
        """Look for earlier work on what is chosen, and go on with it."""
        from ..layers.mixed import mixed
        from ..layers.planes import plane_under_sliders
        from ..layers.strokes import Strokes
        from .earlier import Earlier, as_now
        from .fitting import check_labels, check_prompts, grow

        panel, viewer = self._panel, self._viewer
        chosen = self.chosen(panel.image)
        if chosen is None:
            self.failed.emit("There is no image; open one, or try File > Open Sample.")
            return
        panel.say("")
        self._aside.set_aside()
        labels, given = self.chosen(panel.labels), self.chosen(panel.prompts)
        try:
            image = mixed(chosen, panel.channels.mix(), viewer.layers)
            plane = plane_under_sliders(image, viewer.dims)
            check_prompts(image, given)
            grow(labels, image_shape(image))
            check_labels(image, labels)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        name, known = self._starts.name_of(labels, image, viewer.layers), self._starts.as_known(image)
        panel.start.setEnabled(False)
        panel.set_choosing(choosing=False)  # what is begun is what the person sees chosen
        self._forget_strokes()
        self._strokes = None if labels is None else Strokes(labels)
        shown = None if labels is None else as_now(labels)
        seen = None if labels is None else labels.data

        def look(job: Job) -> Earlier:
            earlier = Earlier.of(known, labels, name, plane, shown)
            if job.cancelled():
                earlier.close()
            return earlier

        title = "Looking for earlier work"
        self._jobs.run(
            title,
            look,
            lambda earlier: self._go_on(chosen, image, earlier, given, seen),
            lambda earlier: earlier.close(),  # or nobody could write its journal while this window is open
        )

    def _forget_strokes(self) -> None:
        """Hear of no more strokes where nothing was begun."""
        if self._strokes is not None:
            self._strokes.close()
            self._strokes = None

    def chosen(self, combo: QComboBox) -> Any:
        """Return the layer that is chosen in a combo box, whatever it is called by now; None if none is."""
        layers = self._viewer.layers
        names = [each.name for each in layers if str(each.unique_id) == combo.currentData()]
        return layers[names[0]] if names else None

    def follow_image(self) -> None:
        """Offer what goes with the chosen image: the channels that it may have, and its labels.

        Labels are suggested if another image is chosen now: those of the last one are not for its cells.
        """
        from ..layers.mixed import channel_choices

        panel, image = self._panel, self.chosen(self._panel.image)
        if image is None:
            panel.channels.offer(())
            return
        mixed, named = panel.channels.mixed, str(image.source.path or image.unique_id)
        panel.channels.offer(channel_choices(image, self._viewer.layers), image.unique_id, named)
        self.spaces.look_up(image)
        fresh, first = image.unique_id != self._suggested_for, self._suggested_for is None
        self._suggested_for = image.unique_id
        chosen_before = first and bool(panel.labels.currentData())  # while there was no image
        if fresh and not chosen_before:
            self.suggest_labels()
        elif mixed != panel.channels.mixed:  # by what the file says
            self.follow_channels()

    def choose(self, image: Layer, labels: Layer) -> None:
        """Choose an image and its labels, if they are in the viewer."""
        for combo, layer in ((self._panel.image, image), (self._panel.labels, labels)):
            there = combo.findData(str(layer.unique_id))
            if there >= 0:
                combo.setCurrentIndex(there)

    def suggest_labels(self) -> None:
        """Choose the labels of the image's last start, if they are there, or else new ones."""
        image, combo = self.chosen(self._panel.image), self._panel.labels
        if image is not None:
            found = self._starts.labels_of(image, self._viewer.layers, self._seen(image))
            combo.setCurrentIndex(max(combo.findData(str(found)), 0))

    def follow_channels(self) -> None:
        """Suggest labels if the chosen ones are of another shape than what is chosen of the channels."""
        image, labels = self.chosen(self._panel.image), self.chosen(self._panel.labels)
        if image is None:
            return
        if labels is None or tuple(labels.data.shape) != image_shape(self._seen(image)):
            self.suggest_labels()

    def _seen(self, image: Any) -> Any:
        """Return an image as the model is to see it; as it is, where that cannot be."""
        from ..layers.mixed import mixed

        try:
            return mixed(image, self._panel.channels.mix(), self._viewer.layers)
        except NapariSamError:
            return image

    def _go_on(self, chosen: Any, image: Any, earlier: Earlier, given: Any, seen: Any) -> None:
        """Annotate, going on with earlier work; look again if the labels have other data than were seen."""
        from .annotation import Annotation
        from .fitting import check_labels, check_prompts, check_there

        panel = self._panel
        panel.start.setEnabled(True)
        computing = panel.computing.settings
        load = partial(self._predictor, model=computing["model"], device=computing["device"])
        try:
            check_there(self._viewer.layers, image, earlier)
            check_labels(image, earlier.labels)
            check_prompts(image, given)
            if earlier.labels is not None and earlier.labels.data is not seen:
                earlier.close()
                self.start()
                return
            annotation = Annotation(
                self._viewer, image, earlier, load, self._jobs, given, self._keymap(), self._strokes
            )
        except NapariSamError as error:
            earlier.close()
            self.failed.emit(str(error))
            return
        except Exception:
            earlier.close()  # or nobody could write its journal while this window is open
            raise
        self._strokes = None  # they are the annotation's
        self._starts.remember(chosen, image, annotation.writer.labels, earlier.name)
        if earlier.journal is not None and file_of(image) is None:  # its journal goes by the pixels
            known_by = earlier.journal.pixels
            annotation.seeing.replaced.connect(lambda: self._starts.replaced(image, known_by))
        self.begun.emit(annotation, image)

    def _predictor(self, job: Job, model: str, device: str) -> Predictor:
        """Return the predictor of a model, loading it if it is not at hand; runs in the worker."""
        from napari_sam.predict import Predictor
        from napari_sam.weights import load_model

        key = (model, device, _written(model))
        if key not in self._predictors:
            title = job.title

            def downloaded(done: int, total: int) -> None:
                job.name(f"Downloading {model}")
                job.progress(done, total)

            loaded = load_model(model, device, progress=downloaded)
            job.name(title)
            self._predictors.clear()  # one model's memory is enough
            self._predictors[key] = Predictor(loaded)
        return self._predictors[key]


def _written(model: str) -> int:
    """Return when a file of weights was written, in nanoseconds; 0 for a name: training writes files anew."""
    file = Path(model)
    return file.stat().st_mtime_ns if file.is_file() else 0
