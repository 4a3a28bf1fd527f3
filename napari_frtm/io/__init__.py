"""Files: videos, label images, checkpoints, results."""
