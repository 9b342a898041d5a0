"""The forms of the dock: setters and signals, which know nothing of models or layers."""
