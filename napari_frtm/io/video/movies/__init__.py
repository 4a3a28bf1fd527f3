"""Movie files, frame accurate."""
