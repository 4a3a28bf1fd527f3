"""What is being done to the videos of a viewer; no widget, no layer."""
