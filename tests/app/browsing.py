"""A person with a browser at the house: logs in by the link, reads pages, fills forms."""

import re

from app.security.staff import invite

PASSWORD = "correct horse battery"


class Person:
    """A person with a browser at the house."""

    def __init__(self, house, name="dr-silva", role="reviewer", licence="NY/123456"):
        self.house, self.name, self.browser = house, name, house.web.application.test_client()
        self.link = invite(house.config, name, role, licence, house.clock.now).partition("8000")[2]

    def form(self, path):
        page = self.browser.get(path).text
        return dict(re.findall(r'name="(csrf_token|seen|sequence)" value="([^"]*)"', page))

    def post(self, path, form, page=None):
        return self.browser.post(path, data=self.form(page or path) | form)

    def comes_in(self):
        assert self.post(self.link, {"password": PASSWORD}).status_code == 303
        assert self.post("/login", {"name": self.name, "password": PASSWORD}).status_code == 303
        return self

    def decides(self, case, **form):
        return self.post(f"{case}/verdict", form, page=case)
