"""A layer comes in: its axes, its frames, what is painted on it; no Qt."""
