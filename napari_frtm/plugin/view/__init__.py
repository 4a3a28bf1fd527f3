"""Layers go out: results over their video, and what is painted on them."""
