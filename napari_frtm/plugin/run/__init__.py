"""One run in a thread: a snapshot goes in, results come out; no viewer."""
