"""Target model D: how it is learned and what it remembers (paper, sections 3.1 and 3.4)."""
