"""Backbone F and segmentation network S (paper, sections 3.2 and 3.5)."""
