"""What is not in the paper: confidence, locality, blending, clean-up."""
