"""The napari plugin: layers in, candidates on the image, labels out."""
