"""Ties the page of objects to an annotation: the table to the image, and what is asked to what is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_sam.errors import NapariSamError

from ..forms.object_look import ObjectLook
from ..layers.planes import image_shape
from .class_colours import ClassColours
from .going import go_to
from .highlight import Highlight
from .picking import Picker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_sam.session import Edit, Key, Object
    from napari_sam.session.classes import Classes

    from ..annotating.annotation import Annotation
    from ..forms.object_panel import ObjectPanel


class Objects:
    """Keeps table, image and selection in step while an annotation goes on.

    Signals
    -------
    said, failed : str
        One sentence for the person, about what was done and what went wrong.
    look_changed : ObjectLook
        The person wants to see objects otherwise from now on.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image
    annotation : Annotation
    panel : ObjectPanel
    look : ObjectLook
        To begin with.
    """

    said = Signal(str)
    failed = Signal(str)
    look_changed = Signal(ObjectLook)

    def __init__(
        self,
        viewer: ViewerModel,
        image: Image,
        annotation: Annotation,
        panel: ObjectPanel,
        look: ObjectLook,
    ) -> None:
        self._viewer, self._image, self._annotation, self._panel = viewer, image, annotation, panel
        self._session, self._selection = annotation.session, annotation.editing.selection
        self._from_table = False
        self._in_table: tuple[Key, ...] = ()
        self._renamed: dict[Edit, tuple[str, str]] = {}
        self.look = ObjectLook(look.classes)
        self.highlight = Highlight(viewer, annotation.prompts.points)
        self._colours = ClassColours(self._session, annotation.writer.labels)
        store, writer, chooser = self._session.store, annotation.writer, annotation.chooser
        self._picker = Picker(viewer, store, writer, self._selection, chooser, annotation.editing.plane)
        annotation.keyboard.on("classify", self._give_class)
        annotation.keyboard.on("clear", self._let_go)
        self._session.edited.connect(self._edited)
        self._session.recorded.connect(self._recorded)
        self._selection.changed.connect(self._show_selection)
        self._connect_panel()
        self._meet(self._session.store)
        panel.set_stack(stack=len(image_shape(image)) > 2)
        panel.fill(self._session.store)
        panel.set_newest(look.newest_on_top)
        panel.set_coloured(look.coloured)
        self._set_newest(look.newest_on_top)
        self._set_coloured(look.coloured)
        self._show_classes()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The outlines of what is selected, which go at Stop."""
        return () if self.highlight.layer is None else (self.highlight.layer,)

    def _connect_panel(self) -> None:
        panel, classes = self._panel, self._panel.classes
        self._slots = (
            (panel.selected, self._rows_selected),
            (panel.opened, self._reopen),
            (panel.asked, self._act),
            (panel.note_written, self._write_note),
            (panel.newest_asked, self._set_newest),
            (panel.colours_asked, self._set_coloured),
            (classes.assign_asked, self._assign),
            (classes.add_asked, self._add_class),
            (classes.rename_asked, self._rename_class),
            (classes.remove_asked, self._remove_class),
        )
        for signal, slot in self._slots:
            signal.connect(slot)

    def close(self) -> None:
        """Stop listening; the table is empty then."""
        for signal, slot in self._slots:
            signal.disconnect(slot)
        self._session.edited.disconnect(self._edited)
        self._session.recorded.disconnect(self._recorded)
        self._selection.changed.disconnect(self._show_selection)
        self._picker.close()
        self._colours.close()
        self.highlight.close()
        self._panel.fill(())
        self._panel.set_selection(())

    def _edited(self, edit: Edit) -> None:
        if self._panel.apply(edit):  # a row that moved is not selected any more
            self._panel.select(self._selection.keys)
        self._meet(edit.after)

    def _show_selection(self) -> None:
        """Show on the image, and in the table, what is selected now."""
        objects, keys = self._selection.objects, self._selection.keys
        self.highlight.show(objects)
        if not self._from_table and keys != self._in_table:
            self._panel.select(keys)
        self._in_table = keys
        self._panel.set_selection(objects)

    def _rows_selected(self, keys: list[Key]) -> None:
        """Select what the person selected in the table, and go there if it is one."""
        self._from_table = True  # which shows it already
        try:
            self._selection.set(keys)
        finally:
            self._from_table = False
        if len(keys) == 1:
            self._go_to(keys[0])

    def _let_go(self) -> None:
        """Drop the prompts, and the selection."""
        self._annotation.clear()
        self._selection.set(())

    def _go_to(self, key: Key) -> None:
        each = self._session.store.get(key)
        if each is not None:
            go_to(self._viewer, self._image, self._annotation.prompts.points, each)

    def _reopen(self, key: Key) -> None:
        self._go_to(key)
        self._annotation.editing.reopen(key)
        self._annotation.prompts.use_points()

    def _act(self, what: str) -> None:
        editing, keys = self._annotation.editing, self._selection.keys
        if what == "reopen":
            self._reopen(keys[0])
        elif what in ("split", "undo", "redo"):
            getattr(editing, what)()
        else:
            editing.edit(what, keys)

    def _write_note(self, note: str) -> None:
        self._annotation.editing.edit("describe", self._selection.keys, note=note)

    def _assign(self, name: str) -> None:
        self._classify(self._selection.keys or self._annotation.editing.meant(), name)

    def _give_class(self) -> None:
        """Give the current class to the objects that are meant."""
        self._classify(self._annotation.editing.meant(), self._panel.classes.current)

    def _classify(self, keys: Iterable[Key], name: str) -> None:
        """Give a class to objects, in all of their planes: it is the number that has a colour."""
        whole = self._session.of_labels({label for label, _ in keys})
        self._annotation.editing.edit("describe", whole, category=name)

    def _add_class(self, name: str) -> None:
        try:
            self._set_classes(self.look.classes.add(name), name.strip())
        except NapariSamError as error:
            self.failed.emit(str(error))
        else:
            self._annotation.settled.emit()

    def _rename_class(self, old: str, new: str) -> None:
        try:
            classes = self.look.classes.rename(old, new)
        except NapariSamError as error:
            self.failed.emit(str(error))
            self._show_classes()
            return
        self._set_classes(classes, new.strip())
        step = self._describe_all(old, new.strip())
        if step is not None:
            self._renamed[step] = old, new.strip()

    def _recorded(self, how: str, edit: Edit) -> None:
        """Give a class its name back when its renaming is taken back, and the other one when brought back."""
        old, new = self._renamed.get(edit, ("", ""))
        now, then = (new, old) if how == "undo" else (old, new)
        if now in self.look.classes:
            current = self._panel.classes.current
            classes = self.look.classes.without(then).rename(now, then)
            self._set_classes(classes, then if current == now else current)

    def _remove_class(self, name: str) -> None:
        self._set_classes(self.look.classes.without(name), "")
        self._describe_all(name, "")

    def _describe_all(self, old: str, new: str) -> Edit | None:
        """Give all objects of one class another one; return the step, if there are some."""
        keys = [each.key for each in self._session.store if each.category == old]
        if not keys or old == new:
            return None
        return self._annotation.editing.edit("describe", keys, category=new)

    def _meet(self, objects: Iterable[Object]) -> None:
        """Offer classes that objects have and nobody added."""
        names = {each.category for each in objects}
        new = sorted(name for name in names if name and name not in self.look.classes)
        if new:
            self._set_classes(self.look.classes.with_names(new), self._panel.classes.current)

    def _set_classes(self, classes: Classes, current: str) -> None:
        self._change(replace(self.look, classes=classes))
        self._show_classes(current)
        if self.look.coloured:
            self._colours.show(classes)

    def _show_classes(self, current: str = "") -> None:
        self._panel.classes.set_classes(self.look.classes, current)
        self._panel.model.set_classes(self.look.classes)

    def _set_newest(self, newest: bool) -> None:
        """Show the newer of two objects where they overlap, or the older one."""
        self._change(replace(self.look, newest_on_top=newest))
        if self._session.store.newest_on_top != newest:
            self._session.store.newest_on_top = newest
            self._annotation.writer.redraw()

    def _set_coloured(self, coloured: bool) -> None:
        self._change(replace(self.look, coloured=coloured))
        self._colours.show(self.look.classes if coloured else None)

    def _change(self, look: ObjectLook) -> None:
        if look != self.look:
            self.look = look
            self.look_changed.emit(look)
