"""TIFF, zarr and NumPy: arrays of any number of axes, lazily."""
