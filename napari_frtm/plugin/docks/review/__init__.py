"""Dock *Review*: look over what was found, and correct it."""
