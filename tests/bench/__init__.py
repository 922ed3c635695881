"""The measurement itself: what is sent, what is counted, what is said of it."""
