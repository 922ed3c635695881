"""The whole story told over HTTP, between parties that know nothing of each other's code."""
