"""Prompts on the image, and the candidates that answer them."""
