"""Whole stories, over HTTP between real processes."""
