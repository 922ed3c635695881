// The page around the form: what was answered is kept on the desk as one types; progress, saving, sending. What draws
// the form (plain.js or lhc.js) is `renderer`.
"use strict";
(function () {
  const box = document.getElementById("form");
  const token = document.querySelector("meta[name=csrf-token]").content;
  const byId = (id) => document.getElementById(id);
  const made = (tag, said) => Object.assign(document.createElement(tag), said);
  let state = null;
  let waiting = null;
  let busy = Promise.resolve();
  let isActing = false;

  async function call(url, body) {
    const reply = await fetch(url, body === undefined ? {} : {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
    });
    const answer = await reply.json().catch(() => ({ error: "The app does not answer. Try again." }));
    return { ok: reply.ok, status: reply.status, answer };
  }

  function problem(words) {
    byId("problem").hidden = !words;
    byId("problem").textContent = words || "";
  }

  const faults = () => ({ ...state.faults, ...renderer.faults() });

  function todo() {
    const wrong = Object.entries(faults()).map(([link, words]) => ({ link_id: link, text: `${state.labels[link] || link}: ${words}` }));
    const every = [...state.missing, ...wrong];
    if (!every.length) return [made("p", { textContent: "Nothing is missing." })];
    const list = document.createElement("ul");
    for (const one of every) {
      const link = made("a", { href: "#form", textContent: one.text });
      link.addEventListener("click", (event) => { event.preventDefault(); renderer.goTo(one.link_id); });
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
    }
    return [made("h2", { textContent: "Still missing" }), list];
  }

  function remark() {
    if (!state) return;
    for (const [link, said] of Object.entries(state.marks)) renderer.mark(link, said);
    renderer.flag(faults());
  }

  function show(next) {
    const before = state ? Object.keys(state.marks) : [];
    state = next;
    for (const link of before) if (!(link in state.marks)) renderer.mark(link, null);
    renderer.hide(state.hidden);
    renderer.calculated(state.calculated);
    remark();
    byId("count").textContent = `${state.answered} of ${state.asked} questions answered`;
    byId("bar").max = Math.max(state.asked, 1);
    byId("bar").value = state.answered;
    byId("todo").replaceChildren(...todo());
    if (state.saved) byId("saved").textContent = `Saved in the EHR at ${new Date(state.saved).toLocaleTimeString()}`;
    const ready = !state.missing.length && !Object.keys(faults()).length;
    byId("complete").disabled = !ready || state.more === "next" || !byId("attested").checked;
    if (byId("next")) {
      byId("next").disabled = !ready || state.more !== "next";
      if (state.more === "done") byId("arrived").textContent = "The payer has no more questions. Check the answers and send the form.";
    }
  }

  function send(url, more) {
    clearTimeout(waiting);
    busy = busy.then(async () => {
      const values = renderer.values();
      if (!values) { problem("An answer is not what its question asks for. Correct it: until then nothing more is kept or sent."); return false; }
      const { ok, status, answer } = await call(url, { ...values, ...more });
      if (answer.next) { location.assign(answer.next); return true; }
      if (answer.new) await redrawn(answer);
      if (answer.marks) show(answer);
      problem(ok ? "" : answer.error || (status === 422 ? "Something is still missing." : "The app does not answer. Try again."));
      return false;
    }).catch(() => problem("The app does not answer. What you entered is still on this page; try again."));
    return busy;
  }

  // What was pressed is said at once, and pressing again meanwhile does nothing.
  async function act(words, url, more) {
    if (isActing) return;
    isActing = true;
    byId("saved").textContent = words;
    const isLeaving = await send(url, more);
    if (isLeaving) return;
    isActing = false;
    if (byId("saved").textContent === words) byId("saved").textContent = "";
  }

  function changed(soon) {
    clearTimeout(waiting);
    waiting = setTimeout(() => send(box.dataset.draft), soon ? 0 : 400);
  }

  // The next questions of an adaptive form: drawn around the answers that there are, and the first one is gone to.
  async function redrawn(answer) {
    renderer.clear();
    await renderer.open((await call(box.dataset.form)).answer);
    const words = answer.new.length === 1 ? "One more question." : `${answer.new.length} more questions.`;
    byId("arrived").textContent = answer.new.length ? words : "";
    const first = answer.new.find((link) => answer.labels[link]);
    if (first) setTimeout(() => renderer.goTo(first), 0);
  }

  async function open() {
    const { ok, answer } = await call(box.dataset.form);
    if (!ok) { problem(answer.error); return; }
    await renderer.open(answer);
    show(answer.state);
    box.dataset.ready = "yes";
  }

  byId("save").addEventListener("click", () => act("Saving…", box.dataset.save));
  byId("complete").addEventListener("click", () => act("Sending…", box.dataset.complete, { attested: byId("attested").checked }));
  if (byId("next")) byId("next").addEventListener("click", () => act("Asking the payer…", box.dataset.next));
  byId("attested").addEventListener("change", () => state && show(state));
  open().then(() => renderer.listen(changed, remark)).catch(() => problem("The form cannot be shown. The payer's form authors should know."));
})();
