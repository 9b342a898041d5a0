"""The prompts on a plane, answered: at once or in the worker, with the mask that is being refined."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_sam.errors import NapariSamError
from napari_sam.predict import Prompts
from napari_sam.predict.prompts import MaskPrompt
from napari_sam.session import Plane, Proposal

if TYPE_CHECKING:
    from napari_sam.session import AnnotationSession
    from napari_sam.session.opening import Opened

    from ..background.jobs import Jobs
    from ..opening.parts import Parts
    from ..prompts.choosing import Chooser
    from ..prompts.prompt_layers import PromptLayers
    from .foreseeing import Foreseeing

BLINK = 0.03
"""Seconds: prompts that were answered faster are answered at once, without a thread."""
RECENT = 3
"""Answers whose median counts: one that had to look enlarged at another place says nothing of the next."""


class Asking:
    """Reads the prompts of a plane, and lets the session propose what answers them.

    Signals
    -------
    failed : str
        One sentence about why the prompts cannot be answered.

    Parameters
    ----------
    session : AnnotationSession
    layers : PromptLayers
    chooser : Chooser
        Knows the mask that the person marked, and what they prefer.
    parts : Parts
        Opens another part for prompts that lie, or whose answer lies, outside of the open one.
    foreseeing : Foreseeing
        May have answered a click before it was made.
    jobs : Jobs
        Runs what takes long.
    """

    failed = Signal(str)

    def __init__(
        self,
        session: AnnotationSession,
        layers: PromptLayers,
        chooser: Chooser,
        parts: Parts,
        foreseeing: Foreseeing,
        jobs: Jobs,
    ) -> None:
        self._session, self._layers, self._chooser = session, layers, chooser
        self._parts, self._foreseeing, self._jobs = parts, foreseeing, jobs
        self._seconds: deque[float] = deque(maxlen=RECENT)
        self._refined: MaskPrompt | None = None
        self._reopened: int | None = None
        self._widened = False

    @property
    def waiting(self) -> bool:
        """Whether there are prompts, and what answers them may still come."""
        return self._jobs.busy and not self._layers.empty

    def renew(self) -> None:
        """Count on other prompts from now on, which may need a larger part than these."""
        self._widened = False

    def reset_pace(self) -> None:
        """Forget how long an answer takes, because another model may answer."""
        self._seconds.clear()

    def drop(self, plane: Plane | None = None) -> None:
        """Take all prompts away, or those of a plane, and forget what they refine."""
        self._refined = self._reopened = None
        self._session.release()
        self._layers.clear(plane)

    def withdraw(self) -> None:
        """Let the answer to earlier prompts go, where the new ones cannot be asked yet."""
        if self._session.ready:
            self._jobs.cancel()
            self._session.propose(())

    def put(self, prompts: Prompts, plane: Plane, choice: int | None = None) -> None:
        """Show prompts on a plane, to be asked next; of an object, with the choice that it was made by."""
        self._reopened = choice
        if isinstance(prompts.mask, MaskPrompt):
            self._refined = prompts.mask
        self._layers.put([prompts], plane)

    def ask(self, plane: Plane, part: Opened | None) -> None:
        """Answer the prompts that are on a plane now, of which a part is open."""
        if part is None or not self._session.ready:
            return
        try:
            prompts = self._with_mask(self._layers.read(plane))
            held = self._parts.place(prompts)
        except NapariSamError as error:
            self._jobs.cancel()
            self._session.propose(())
            self.failed.emit(str(error))
            return
        if not prompts:
            self._jobs.cancel()
            self._session.propose(())
        elif part.window.holds(held):
            self._compute(prompts, partial(self._propose, plane, part))
        else:
            self._session.propose(())
            self._parts.open(plane, held)

    def _compute(self, prompts: list[Prompts], propose: Callable[[tuple[Proposal, ...]], None]) -> None:
        """Answer prompts at once, if that takes no longer than a blink, or else in the worker."""
        foreseen = self._foreseeing.answer(prompts)
        if foreseen is not None:
            quick, work = foreseen.done(), foreseen.result
        else:
            quick = bool(self._seconds) and median(self._seconds) * len(prompts) < BLINK
            work = partial(self._answer, prompts)
        if quick:
            self._jobs.run_here(work, propose)
        else:
            self._jobs.run("Segmenting", lambda _: work(), propose)

    def _with_mask(self, prompts: list[Prompts]) -> list[Prompts]:
        """Add the mask that the person marked before they went on pointing."""
        self._refined = self._chooser.refining or self._refined
        if len(prompts) != 1 or not (len(prompts[0].positions) or self._reopened is not None):
            self._refined = None
        return [replace(each, mask=self._refined or each.mask) for each in prompts]

    def _answer(self, prompts: Sequence[Prompts]) -> tuple[Proposal, ...]:
        """Answer prompts, and note how long one object takes on this machine; runs in the worker too."""
        began = perf_counter()
        proposals = self._session.answer(prompts)
        self._seconds.append((perf_counter() - began) / len(prompts))
        if len(proposals) == 1:
            return proposals
        return tuple(self._preferred(each) for each in proposals)

    def _preferred(self, proposal: Proposal) -> Proposal:
        """Return a proposal with this person's suggestion in place of the model's."""
        suggested = self._chooser.suggested(proposal).suggested
        return replace(proposal, candidates=replace(proposal.candidates, best=suggested))

    def _propose(self, plane: Plane, part: Opened, proposals: tuple[Proposal, ...]) -> None:
        if self._widen(plane, part, proposals):
            return
        self._session.propose(proposals)
        reopened, self._reopened = self._reopened, None
        if reopened is not None:
            self._chooser.mark(reopened)

    def _widen(self, plane: Plane, part: Opened, proposals: tuple[Proposal, ...]) -> bool:
        """Open a part that holds all of the suggested masks, if this one cuts them off; once for prompts."""
        chosen = [each.chosen(None) for each in proposals]
        if self._widened or not any(map(part.window.cuts, chosen)):
            return False
        self._widened = True
        corners = np.reshape([each.bbox for each in chosen if each.mask.size], (-1, 2))
        try:
            held = self._parts.place([each.prompts for each in proposals], corners)
        except NapariSamError:  # too large for any part, so this is all there is
            return False
        self._parts.open(plane, held)
        return True
