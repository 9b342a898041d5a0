"""Searches for proposals in a thread of their own, whose finds arrive as they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_sam.session.mosaic import FOUND, described
from napari_sam.session.objects import Edit

from ..layers.outlines import outlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_sam.automatic import AutomaticSettings
    from napari_sam.automatic.part import PartSearch
    from napari_sam.masks import Window
    from napari_sam.progress import Cancel, Progress
    from napari_sam.session import Key, Plane

    from ..background.jobs import Job, Jobs
    from .view import Paths


@dataclass(frozen=True, eq=False)
class Find:
    """What arrives from a search.

    Attributes
    ----------
    plane : tuple of int
    edit : Edit or None
        Proposals that come and go; None while there are outlines only.
    outlines : dict
        Of each proposal that comes.
    sketch : list
        Outlines of what may become proposals.
    """

    plane: Plane
    edit: Edit | None
    outlines: Mapping[Key, Paths] = field(default_factory=dict)
    sketch: Paths = field(default_factory=list)


class Searching:
    """Runs one search at a time; a newer one drops what an older one has not told yet.

    Signals
    -------
    arrived : Find
        Something was found.
    ended : int
        A search came to its end, with so many proposals.

    Parameters
    ----------
    jobs : Jobs
        For searches alone, so that prompts are answered meanwhile.
    """

    arrived = Signal(Find)
    ended = Signal(int)

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._count = 0
        self._sketching = False
        jobs.told.connect(self._tell)

    @property
    def sketching(self) -> bool:
        """Whether a search goes on whose outlines are not there yet."""
        return self._sketching and self._jobs.busy

    def part(
        self,
        search: PartSearch,
        plane: Plane,
        window: Window,
        settings: AutomaticSettings,
        first: int,
    ) -> None:
        """Search a part that is embedded, or what other settings make of it: first in outlines.

        Parameters
        ----------
        search : PartSearch
        plane : tuple of int
            Where it is.
        window : (rows, columns)
            Within the part.
        settings : AutomaticSettings
        first : int
            The first proposal's label.
        """
        origin = search.embedding.window.origin

        def finds(job: Job) -> Iterator[Find]:
            regions = search.regions(settings, window)
            moved = [((row + origin[0], col + origin[1]), mask) for (row, col), mask in regions]
            yield Find(plane, None, sketch=[path for place, mask in moved for path in outlines(mask, place)])
            records = search.records(settings, window, progress=job.progress, cancelled=job.cancelled)
            yield _traced(plane, Edit(FOUND, (), described(records, search.embedding, plane, first)))

        self._run("Segmenting", finds)
        self._sketching = True

    def parts(
        self,
        search: Callable[[Progress, Cancel], Iterator[Edit]],
        planes: Sequence[Plane],
    ) -> None:
        """Search one part after another.

        Parameters
        ----------
        search : callable
            Takes how to report progress and how to ask whether to stop, and yields what it finds.
        planes : sequence of tuple of int
            Where it searches.
        """

        def finds(job: Job) -> Iterator[Find]:
            for edit in search(job.progress, job.cancelled):
                changed = (*edit.after, *edit.before)
                yield _traced(changed[0].plane if changed else planes[0], edit)

        self._run("Segmenting", finds)

    def _run(self, title: str, finds: Callable[[Job], Iterator[Find]]) -> None:
        self._count, self._sketching = 0, False

        def work(job: Job) -> None:
            for find in finds(job):
                job.tell(find)

        self._jobs.run(title, work, lambda _: self.ended.emit(self._count))

    def _tell(self, find: Find) -> None:
        self._sketching = False
        if find.edit is not None:
            self._count += len(find.edit.after) - len(find.edit.before)
        self.arrived.emit(find)


def _traced(plane: Plane, edit: Edit) -> Find:
    """Trace what was found; in the thread, because of many objects it takes a while."""
    return Find(plane, edit, {each.key: outlines(each.mask, each.origin) for each in edit.after})
