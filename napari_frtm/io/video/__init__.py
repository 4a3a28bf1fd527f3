"""Videos of any kind of file, as lazy arrays."""
