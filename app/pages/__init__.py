"""The human doors: plain pages for the payer's staff, no script, strict headers."""
