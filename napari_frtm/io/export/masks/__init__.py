"""Hard masks in the formats of other programs."""
