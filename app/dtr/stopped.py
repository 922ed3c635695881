"""When can the app not go on? In words for the clinician."""


class Stopped(Exception):
    """The app cannot go on; the message is for the clinician and quotes nothing of the record."""
