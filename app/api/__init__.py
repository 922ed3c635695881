"""The machine doors: gather, call one function that decides, answer."""
