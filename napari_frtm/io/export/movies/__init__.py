"""Movies: with alpha for compositing, and to look at."""
