"""The edge, through its doors."""
