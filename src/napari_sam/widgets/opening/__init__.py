"""The parts of an image that are open for prompts."""
