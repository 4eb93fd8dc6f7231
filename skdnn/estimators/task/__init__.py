"""What is learned, labels or numbers: how they are written, and read."""
