"""From Start to an annotation: what is chosen, what there is of it, and the model."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_sam.errors import NapariSamError
from napari_sam.session.fingerprint import fingerprint

from .planes import image_shape, layers_of

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


@dataclass(frozen=True)
class Begun:
    """What is found again when an image is started once more, whatever it is called by then.

    Attributes
    ----------
    called : str
        What it was called at its first start.
    name : str
        What the journal of its labels goes by.
    """

    called: str
    name: str


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
        self._begun: dict[Hashable, Begun] = {}  # by image
        self._labels_of: dict[Hashable, Any] = {}  # id of the last labels of an image layer, by what it is
        self._suggested_for: Any = None

    def start(self) -> None:
        """Look for earlier work on what is chosen, and go on with it."""
        from .earlier import Earlier, as_now
        from .fitting import check_labels, grow
        from .mixed import mixed
        from .planes import plane_under_sliders
        from .strokes import Strokes

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
            grow(labels, image_shape(image))
            check_labels(image, labels)
            plane = plane_under_sliders(image, viewer.dims)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        name, known = self._name_of(labels, image), self._known(image)
        panel.start.setEnabled(False)
        self._strokes = None if labels is None else Strokes(labels)
        shown = None if labels is None else as_now(labels)

        def look(job: Job) -> Earlier:
            earlier = Earlier.of(known, labels, name, plane, shown)
            if job.cancelled():
                earlier.close()
            return earlier

        title = "Looking for earlier work"
        self._jobs.run(title, look, lambda earlier: self._go_on(chosen, image, earlier, given))

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
        """Suggest labels if another image is chosen now: those of the last one are not for its cells."""
        image = self.chosen(self._panel.image)
        if image is None or image.unique_id == self._suggested_for:
            return
        first, self._suggested_for = self._suggested_for is None, image.unique_id
        if not first:  # labels may be chosen while there is no image
            self.suggest_labels()

    def suggest_labels(self) -> None:
        """Choose the labels of the image's last start, if they are there, or else new ones."""
        image, combo = self.chosen(self._panel.image), self._panel.labels
        if image is not None:
            found = (self._labels_of.get(each) for each in (image.unique_id, _look(image)))
            label = next(filter(None, found), None)
            combo.setCurrentIndex(max(combo.findData(str(label)), 0))

    def _name_of(self, labels: Any, image: Any) -> str:
        """Return the name that the journal of labels goes by.

        Of new ones, that of the labels of an image that were there the last time and are gone, or a free one.
        """
        from .earlier import free_name

        layers = self._viewer.layers
        if labels is not None:
            return str(self._known_as.get(labels.unique_id, labels.name))
        known = (self._known_as.get(layer.unique_id) for layer in layers)
        taken = {*(layer.name for layer in layers), *filter(None, known)}
        begun = self._begun.get(_key(image))
        if begun is not None and begun.name not in taken:
            return begun.name
        return free_name(f"{image.name} cells", taken)

    def _known(self, image: Any) -> Any:
        """Return an image by the name of its first start: the journal of one without a file goes by it."""
        begun = self._begun.get(_key(image))
        return image if begun is None or begun.called == image.name else Called(image, begun.called)

    def _remember(self, chosen: Any, image: Any, labels: Any, name: str) -> None:
        """Remember what was begun: on which layer, how the model sees it, with which labels and journal."""
        begun = self._begun.get(_key(image))
        self._begun[_key(image)] = Begun(image.name if begun is None else begun.called, name)
        self._known_as[labels.unique_id] = name
        for each in (chosen.unique_id, _look(chosen)):
            self._labels_of[each] = labels.unique_id

    def _go_on(self, chosen: Any, image: Any, earlier: Earlier, given: Any) -> None:
        """Annotate, going on with earlier work."""
        from .annotation import Annotation
        from .fitting import check_there

        panel = self._panel
        panel.start.setEnabled(True)
        computing = panel.computing.settings
        load = partial(self._predictor, model=computing["model"], device=computing["device"])
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
        self._remember(chosen, image, annotation.writer.labels, earlier.name)
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


class Called:
    """An image by another name than it has now.

    Parameters
    ----------
    image : napari.layers.Image or Mixed
    name : str
    """

    def __init__(self, image: Any, name: str) -> None:
        self.image, self.name = image, name

    def __getattr__(self, name: str) -> Any:
        """Return what the image has."""
        return getattr(self.image, name)


@image_shape.register
def _(image: Called) -> tuple[int, ...]:
    return image_shape(image.image)


@layers_of.register
def _(image: Called) -> tuple[Any, ...]:
    return layers_of(image.image)


def _key(image: Any) -> Hashable:
    """Return what tells an image, as the model sees it, from all others of a viewer."""
    return layers_of(image)[0].unique_id, type(image).__name__


def _look(image: Any) -> Hashable:
    """Return what an image layer is known by when it was removed and is there again, as another layer."""
    source, data = image.source.path, image.data
    pixels = fingerprint(data) if source is None and type(data) is np.ndarray else ""  # at no cost
    return str(source), image.name, pixels
