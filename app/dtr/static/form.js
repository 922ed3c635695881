// The form on the page: rendered by LHC-Forms, with our marks beside each question, kept on the desk as one types.
"use strict";
(function () {
  const box = document.getElementById("form");
  const token = document.querySelector("meta[name=csrf-token]").content;
  const byId = (id) => document.getElementById(id);
  let state = null;
  let waiting = null;
  let busy = Promise.resolve();

  async function call(url, body) {
    const reply = await fetch(url, body === undefined ? {} : {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
    });
    const answer = await reply.json().catch(() => ({ error: "The app does not answer. Try again." }));
    return { ok: reply.ok, status: reply.status, answer };
  }

  function values() {
    return LForms.Util.getFormFHIRData("QuestionnaireResponse", "R4", box);
  }

  function problem(words) {
    byId("problem").hidden = !words;
    byId("problem").textContent = words || "";
  }

  function labels(link) {
    return document.querySelectorAll(`[id^="label-${CSS.escape(link)}/"]`);
  }

  function mark(link, said) {
    for (const label of labels(link)) {
      const row = label.closest(".lhc-item-question, .lhc-question, td, div") || label.parentElement;
      let line = row.querySelector(":scope > .origin");
      if (!said) { if (line) line.remove(); continue; }
      if (!line) {
        line = document.createElement("span");
        line.className = "origin";
        line.id = `origin-${label.id}`;
        row.append(line);
      }
      const shown = `${said.kind}|${said.words}`;
      if (line.dataset.shown === shown) continue;
      line.dataset.shown = shown;
      const badge = document.createElement("span");
      badge.className = `mark ${said.kind}`;
      badge.textContent = said.kind;
      line.replaceChildren(badge, ` ${said.words}`);
      const field = document.getElementById(label.getAttribute("for") || "");
      if (field) field.setAttribute("aria-describedby", line.id);
    }
  }

  function goTo(link) {
    for (const label of labels(link)) {
      label.scrollIntoView({ block: "center" });
      const item = document.querySelector(`[id^="item-${CSS.escape(link)}/"]`) || label;
      const field = document.getElementById(label.getAttribute("for") || "") || item.querySelector("input, select, textarea");
      if (field) field.focus({ preventScroll: true });
      return;
    }
  }

  function show(next) {
    const before = state ? Object.keys(state.marks) : [];
    state = next;
    for (const link of before) if (!(link in state.marks)) mark(link, null);
    for (const [link, said] of Object.entries(state.marks)) mark(link, said);
    byId("count").textContent = `${state.answered} of ${state.asked} questions answered`;
    byId("bar").max = Math.max(state.asked, 1);
    byId("bar").value = state.answered;
    const todo = byId("todo");
    if (!state.missing.length) {
      todo.replaceChildren(Object.assign(document.createElement("p"), { textContent: "Nothing is missing." }));
    } else {
      const head = Object.assign(document.createElement("h2"), { textContent: "Still missing" });
      const list = document.createElement("ul");
      for (const one of state.missing) {
        const link = Object.assign(document.createElement("a"), { href: "#form", textContent: one.text });
        link.addEventListener("click", (event) => { event.preventDefault(); goTo(one.link_id); });
        const item = document.createElement("li");
        item.append(link);
        list.append(item);
      }
      todo.replaceChildren(head, list);
    }
    if (state.saved) byId("saved").textContent = `Saved in the EHR at ${new Date(state.saved).toLocaleTimeString()}`;
    byId("complete").disabled = state.missing.length > 0 || !byId("attested").checked;
  }

  function remark() {
    if (state) for (const [link, said] of Object.entries(state.marks)) mark(link, said);
  }

  function send(url, more) {
    clearTimeout(waiting);
    busy = busy.then(async () => {
      const { ok, status, answer } = await call(url, { ...values(), ...more });
      if (answer.next) { location.assign(answer.next); return; }
      if (answer.marks) show(answer);
      problem(ok ? "" : answer.error || (status === 422 ? "Something is still missing." : "The app does not answer. Try again."));
    });
    return busy;
  }

  function changed() {
    clearTimeout(waiting);
    waiting = setTimeout(() => send(box.dataset.draft), 400);
  }

  async function open() {
    const { ok, answer } = await call(box.dataset.form);
    if (!ok) { problem(answer.error); return; }
    const form = LForms.Util.convertFHIRQuestionnaireToLForms(answer.form, "R4");
    const filled = LForms.Util.mergeFHIRDataIntoLForms(answer.response, form, "R4");
    box.replaceChildren();
    await LForms.Util.addFormToPage(filled, box, { prepopulate: false });
    show(answer.state);
    box.dataset.ready = "yes";
    for (const kind of ["input", "change", "click", "focusout"]) box.addEventListener(kind, changed);
    new MutationObserver(remark).observe(box, { childList: true, subtree: true });
  }

  byId("save").addEventListener("click", () => send(box.dataset.save));
  byId("complete").addEventListener("click", () => send(box.dataset.complete, { attested: byId("attested").checked }));
  byId("attested").addEventListener("change", () => state && show(state));
  open().catch(() => problem("The form cannot be shown. The payer's form authors should know."));
})();
