"""Which page of a list is asked for, and how many are there?"""

from flask import request

from fhir_r4.resource import whole_number_of

EACH = 50


def asked(last: int) -> int:
    """Return the number of the page that the address asks for, from 1 to ``last``; 1 where it asks for none."""
    return min(whole_number_of(request.args.get("page")) or 1, last)


def last(total: int) -> int:
    """Return the number of the last page; a list without lines has one page as well."""
    return max(1, -(-total // EACH))
