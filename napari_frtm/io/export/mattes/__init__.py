"""Soft mattes: from where, what is done to their edges, and their files."""
