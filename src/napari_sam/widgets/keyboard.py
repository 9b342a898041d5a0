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
        self._layers[layer] = tuple(actions)
        for action in self._acts:
            self._bind(layer, action)

    def use(self, keymap: Keymap) -> None:
        """Let other keys act from now on."""
        self._release()
        self.keymap = keymap
        for layer in self._layers:
            for action in self._acts:
                self._bind(layer, action)
        self.changed.emit(keymap)

    def close(self) -> None:
        """Give the layers that stay their own keys back."""
        self._release()
        self._layers.clear()
        self._acts.clear()

    def text(self, action: str) -> str:
        """Return an action's key, to be named in a sentence."""
        return self.keymap.text(action)

    def _bind(self, layer: Layer, action: str) -> None:
        binding, act = self.keymap.binding(action), self._acts[action]
        if binding is not None and action in self._layers[layer]:
            layer.bind_key(binding, lambda _: act(), overwrite=True)

    def _release(self) -> None:
        for layer, actions in self._layers.items():
            for binding in (self.keymap.binding(each) for each in actions if each in self._acts):
                if binding is not None:
                    layer.bind_key(binding, None)
