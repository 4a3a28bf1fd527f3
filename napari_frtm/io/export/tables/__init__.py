"""Measurements and centroids of objects over time."""
