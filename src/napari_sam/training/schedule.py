"""When a training run ends, and how fast it learns until then."""

from __future__ import annotations

import time

from .config import TrainConfig


class Clock:
    """The time that a run has.

    Parameters
    ----------
    minutes : float, optional
        None for as long as it takes.
    spent : float
        Seconds that are over already, before the run was interrupted.
    """

    def __init__(self, minutes: float | None, spent: float = 0.0) -> None:
        self.seconds = minutes and 60 * minutes
        self.began = time.monotonic() - spent

    def spent(self) -> float:
        """Return the seconds that are over."""
        return time.monotonic() - self.began

    def left(self) -> float:
        """Return the share of the time that is left, 1 to 0."""
        if not self.seconds:
            return 1.0
        return max(1 - self.spent() / self.seconds, 0.0)


def learning_rate(config: TrainConfig, step: int, left: float = 1.0) -> float:
    """Rise linearly for `warmup` steps, stay, and fall linearly to zero in the last `decay`.

    It falls earlier where less than a third of the time is `left`.
    """
    rise = (step + 1) / max(config.warmup, 1)
    fall = (config.steps - step) / max(config.steps - config.decay_start, 1)
    return config.learning_rate * min(rise, 1.0, fall, 3 * left)


def falls(config: TrainConfig, step: int, left: float) -> bool:
    """Say whether the learning rate is in its fall, by the steps or by the time."""
    return step >= config.decay_start or 3 * left < 1
