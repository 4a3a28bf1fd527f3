"""Strokes, points and boxes on a frame, and the masks that they ask for."""
