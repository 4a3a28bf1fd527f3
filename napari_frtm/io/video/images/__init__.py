"""Images in files of their own, and sequences of them."""
