"""Frames and label images as tensors, and back."""
