"""When does the app go no further? In words for the clinician."""


class Stopped(Exception):
    """The app cannot go on; the message is for the clinician and quotes nothing of the record."""


class AlreadySent(Exception):
    """The form was sent meanwhile, in another window or by pressing twice: its answers stay as they went out."""


class NothingNeeded(Stopped):
    """There is nothing to document, says the payer; no fault of anybody's."""
