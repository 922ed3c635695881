"""What follows from answers of which some are not known?

Source: CQL 1.5 appendix B, "And", "Or".
"""


def conjunction(*answers: bool | None) -> bool | None:
    """Three-valued and: false wins over null."""
    if False in answers:
        return False
    return None if None in answers else True


def disjunction(*answers: bool | None) -> bool | None:
    """Three-valued or: true wins over null."""
    if True in answers:
        return True
    return None if None in answers else False
