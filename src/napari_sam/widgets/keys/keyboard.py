"""Keys that act on the layers of an annotation, whichever keys they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from psygnal import Signal

from .keymap import DEFAULTS, Keymap

if TYPE_CHECKING:
    from napari.layers import Layer

Act = Callable[[], object]
_LISTENING: WeakKeyDictionary[Layer, list[Keyboard]] = WeakKeyDictionary()
"""Who listens to a layer, as two docks may to one image; the last one alone is heard."""


class Keyboard:
    """Binds actions to layers by their keys, and anew when a person chooses other keys.

    Signals
    -------
    changed : Keymap
        Actions have other keys now.

    Parameters
    ----------
    keymap : Keymap
    """

    changed = Signal(Keymap)

    def __init__(self, keymap: Keymap) -> None:
        self.keymap = keymap
        self._acts: dict[str, Act] = {}
        self._layers: WeakKeyDictionary[Layer, tuple[str, ...]] = WeakKeyDictionary()

    def on(self, action: str, act: Act) -> None:
        """Do something when the key of an action is pressed, in place of what it did before."""
        self._acts[action] = act
        for layer in self._layers:
            self._bind(layer, action)

    def listen(self, layer: Layer, actions: Sequence[str] = tuple(DEFAULTS)) -> None:
        """Let keys act while a layer is the active one."""
        listening = _LISTENING.setdefault(layer, [])
        for other in listening[-1:]:
            other._release(layer)
        _LISTENING[layer] = [*(each for each in listening if each is not self), self]
        self._layers[layer] = tuple(actions)
        self._bind_all(layer)

    def use(self, keymap: Keymap) -> None:
        """Let other keys act from now on."""
        for layer in self._layers:
            self._release(layer)
        self.keymap = keymap
        for layer in self._layers:
            self._bind_all(layer)
        self.changed.emit(keymap)

    def close(self) -> None:
        """Give the layers that stay their own keys back, or those of who listened before."""
        for layer in self._layers:
            self._release(layer)
            _LISTENING[layer].remove(self)
            for other in _LISTENING[layer][-1:]:
                other._bind_all(layer)
        self._layers.clear()
        self._acts.clear()

    def text(self, action: str) -> str:
        """Return an action's key, to be named in a sentence."""
        return self.keymap.text(action)

    def _heard(self, layer: Layer) -> bool:
        return _LISTENING[layer][-1] is self

    def _bind_all(self, layer: Layer) -> None:
        for action in self._acts:
            self._bind(layer, action)

    def _bind(self, layer: Layer, action: str) -> None:
        binding, act = self.keymap.binding(action), self._acts[action]
        if binding is not None and action in self._layers[layer] and self._heard(layer):
            layer.bind_key(binding, lambda _: act(), overwrite=True)

    def _release(self, layer: Layer) -> None:
        if self._heard(layer):
            for action in set(self._layers[layer]).intersection(self._acts):
                binding = self.keymap.binding(action)
                if binding is not None:
                    layer.bind_key(binding, None)
