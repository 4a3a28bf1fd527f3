"""The work on one video: what is known of it, and the runs that fill it; for every front end."""
