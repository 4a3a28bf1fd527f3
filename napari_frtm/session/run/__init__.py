"""One run: what it reads, what it covers, how it is carried out and goes on."""
