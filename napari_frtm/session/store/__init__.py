"""All that is kept of one video: in memory, in a session folder, or both."""
