"""A run from the command line: what it is given, what it protects, how it goes on."""
