"""How fast is it, and is it as fast as was promised? ``make bench`` measures and writes docs/benchmarks.md.

``echo.py`` is the yardstick, ``house.py`` the service that is measured, ``bodies.py`` what both are sent,
``load.py`` how a round is run and what it cost, ``report.py`` the page.
"""
