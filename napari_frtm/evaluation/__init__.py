"""How good the masks are."""
