"""What changes masks without a run: clean-up, changes of objects, divisions, and their search."""
