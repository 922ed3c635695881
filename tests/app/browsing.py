"""A person with a browser at the house: logs in by the link, reads pages, fills forms."""

import re

from app.pages.door import COOKIE
from app.security.staff import invite
from app.storage import staff
from app.storage.staff import Person as Staff

PASSWORD = "correct horse battery"


class Person:
    """A person with a browser at the house."""

    def __init__(self, house, name="dr-silva", role="reviewer", licence="NY/123456", npi=None, specialty=None):
        self.house, self.name, self.browser = house, name, house.web.application.test_client()
        who = Staff(name, role, licence, npi, specialty)
        self.link = invite(house.config, who, house.clock.now).partition("8000")[2]

    def form(self, path):
        page = self.browser.get(path).text
        return dict(re.findall(r'name="(csrf_token|seen|sequence)" value="([^"]*)"', page))

    def post(self, path, form, page=None):
        return self.browser.post(path, data=self.form(page or path) | form)

    def comes_in(self):
        assert self.post(self.link, {"password": PASSWORD}).status_code == 303
        assert self.post("/login", {"name": self.name, "password": PASSWORD}).status_code == 303
        return self

    def is_in(self):
        """Stand where ``comes_in`` leads, without the half second that two passwords cost."""
        with self.house.service.database.writing() as connection:
            staff.begin_session(connection, f"session of {self.name}", self.name, self.house.clock.now)
        self.browser.set_cookie(COOKIE, f"session of {self.name}")
        return self

    def decides(self, case, **form):
        return self.post(f"{case}/verdict", form, page=case)
