"""The loop over frames (paper, algorithm 1), with keyframes and in both directions."""
