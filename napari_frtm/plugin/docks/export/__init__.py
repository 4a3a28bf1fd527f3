"""Dock *Export*: files, measurements and tracks of the masks."""
