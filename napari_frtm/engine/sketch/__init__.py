"""Masks of one frame from a few strokes, points and boxes; not in the paper."""
