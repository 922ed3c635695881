"""What it costs: measurements to run on the machine that matters."""
