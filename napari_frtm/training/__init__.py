"""Offline training of the segmentation network (paper, section 3.3)."""
