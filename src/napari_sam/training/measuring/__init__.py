"""A model measured on annotated images, and the pictures of it."""
