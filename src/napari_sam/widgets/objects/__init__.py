"""The committed objects: their table tied to the image, their looks, and their files."""
