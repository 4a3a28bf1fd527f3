"""Dock *Propagate*: carry painted objects through a video."""
