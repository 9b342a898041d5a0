"""Files of images and labels: what is read of them, and how they are written whole or not at all."""
