"""The napari side: readers, sample data, dock widgets."""
