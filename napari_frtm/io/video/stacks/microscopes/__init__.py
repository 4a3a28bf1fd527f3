"""Files of microscopes, each kind through the library of those who know it."""
