"""From Start to an annotation: what is chosen, what there is of it, and the model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_sam.errors import NapariSamError

from .panel import NEW_LABELS, NEW_PROMPTS

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QComboBox

    from napari_sam.predict import Predictor

    from .earlier import Earlier
    from .jobs import Job, Jobs
    from .keymap import Keymap
    from .panel import Panel
    from .set_aside import SetAside
    from .strokes import Strokes


class Starting:
    """Begins to annotate what is chosen in a panel, once a worker has found what there is of it.

    Importing torch, loading the model and everything else that takes long happens in the worker.

    Signals
    -------
    begun : Annotation, napari.layers.Image or Mixed
        What was chosen is annotated from now on.
    failed : str
        One sentence about why it did not begin.

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
        self._predictors: dict[tuple[str, str], Predictor] = {}
        jobs.idle.connect(self._forget_strokes)
        self._known_as: dict[Any, str] = {}  # of annotated Labels layers by id, before somebody renamed them

    def start(self) -> None:
        """Look for earlier work on what is chosen, and go on with it."""
        from .earlier import Earlier, as_now
        from .fitting import check_labels, grow
        from .mixed import mixed
        from .planes import image_shape, plane_under_sliders
        from .strokes import Strokes

        panel, viewer = self._panel, self._viewer
        if not panel.image.currentText():
            self.failed.emit("There is no image; open one, or try File > Open Sample.")
            return
        panel.say("")
        self._aside.set_aside()
        image = viewer.layers[panel.image.currentText()]
        labels = self._chosen(panel.labels, NEW_LABELS)
        given = self._chosen(panel.prompts, NEW_PROMPTS)
        try:
            image = mixed(image, panel.channels.mix(), viewer.layers)
            grow(labels, image_shape(image))
            check_labels(image, labels)
            plane = plane_under_sliders(image, viewer.dims)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        name = self._name_of(labels, image)
        panel.start.setEnabled(False)
        self._strokes = None if labels is None else Strokes(labels)
        shown = None if labels is None else as_now(labels)

        def look(job: Job) -> Earlier:
            earlier = Earlier.of(image, labels, name, plane, shown)
            if job.cancelled():
                earlier.close()
            return earlier

        title = "Looking for earlier work"
        self._jobs.run(title, look, lambda earlier: self._go_on(image, earlier, given))

    def _forget_strokes(self) -> None:
        """Hear of no more strokes where nothing was begun."""
        if self._strokes is not None:
            self._strokes.close()
            self._strokes = None

    def _chosen(self, combo: QComboBox, nothing: str) -> Any:
        name = combo.currentText()
        return None if name == nothing else self._viewer.layers[name]

    def _name_of(self, labels: Any, image: Any) -> str:
        """Return the name that the journal of labels goes by, or a new one for labels of an image."""
        from .earlier import free_name

        layers = self._viewer.layers
        if labels is not None:
            return str(self._known_as.get(labels.unique_id, labels.name))
        known = (self._known_as.get(layer.unique_id) for layer in layers)
        return free_name(f"{image.name} cells", {*(layer.name for layer in layers), *filter(None, known)})

    def _go_on(self, image: Any, earlier: Earlier, given: Any) -> None:
        """Annotate, going on with earlier work."""
        from .annotation import Annotation
        from .fitting import check_there

        panel = self._panel
        panel.start.setEnabled(True)
        chosen = panel.computing.settings
        load = partial(self._predictor, model=chosen["model"], device=chosen["device"])
        try:
            check_there(self._viewer.layers, image, earlier)
            annotation = Annotation(
                self._viewer, image, earlier, load, self._jobs, given, self._keymap(), self._strokes
            )
        except NapariSamError as error:
            earlier.close()
            self.failed.emit(str(error))
            return
        self._strokes = None  # they are the annotation's
        self._known_as[annotation.writer.labels.unique_id] = earlier.name
        self.begun.emit(annotation, image)

    def _predictor(self, job: Job, model: str, device: str) -> Predictor:
        """Return the predictor of a model, loading it if it is not at hand; runs in the worker."""
        from napari_sam.predict import Predictor
        from napari_sam.weights import load_model

        key = (model, device)
        if key not in self._predictors:
            loaded = load_model(model, device, progress=job.progress)
            self._predictors.clear()  # one model's memory is enough
            self._predictors[key] = Predictor(loaded)
        return self._predictors[key]
