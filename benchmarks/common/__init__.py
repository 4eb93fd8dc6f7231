"""What all measurements share: arguments, data, times, tables."""
