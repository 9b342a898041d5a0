"""What was used last, within a limit of memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What knows how many bytes it takes."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        ...


Key = TypeVar("Key")
Value = TypeVar("Value", bound=Sized)


class Recent(Generic[Key, Value]):
    """What was used last, up to a number of bytes; what was used longest ago goes first.

    The last one stays however large it is.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys, the one used last first."""
        return tuple(reversed(self._held))

    def get(self, key: Key) -> Value | None:
        """Return what is held under a key, which counts as a use."""
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Hold a value, in place of others where there is too little room."""
        self._held[key] = value
        self._held.move_to_end(key)
        # counted anew, because a value may grow while it is held
        while len(self._held) > 1 and sum(each.nbytes for each in self._held.values()) > self._limit:
            self._held.popitem(last=False)

    def clear(self) -> None:
        """Hold nothing."""
        self._held.clear()
