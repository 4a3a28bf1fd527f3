"""The folder of the work on one video."""
