// The page around the form: what was answered is kept on the desk as one types; progress, saving, sending. What draws
// the form (plain.js or lhc.js) is `renderer`.
"use strict";
(function () {
  const box = document.getElementById("form");
  const token = document.querySelector("meta[name=csrf-token]").content;
  const byId = (id) => document.getElementById(id);
  const made = (tag, said) => Object.assign(document.createElement(tag), said);
  const AGAIN = 3000; // ms until what could not be sent is sent again
  let state = null;
  let waiting = null;
  let busy = Promise.resolve();
  let underWay = 0;
  let isActing = false;
  let isKept = true;
  let isLeaving = false;
  let mayLeave = false;

  async function call(url, body) {
    const reply = await fetch(url, body === undefined ? {} : posted(JSON.stringify(body)));
    if (reply.status >= 500) throw new Error("no answer");
    const answer = await reply.json().catch(() => ({ error: "The app does not answer. Try again." }));
    return { ok: reply.ok, status: reply.status, answer };
  }

  // What is sent outlives the page, as far as browsers let it: they take 64 KB.
  function posted(body) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
    return { method: "POST", headers, body, keepalive: new Blob([body]).size < 60_000 };
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

  // Said aloud each time that it is written, so that it is written where it changes alone.
  function told(words) {
    if (byId("saved").textContent !== words) byId("saved").textContent = words;
  }

  function whereItIs() {
    if (!state.saved) return state.unsaved ? "Not saved in the EHR yet" : "";
    return `Saved in the EHR at ${new Date(state.saved).toLocaleTimeString()}${state.unsaved ? "; what you entered since is not" : ""}`;
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
    told(whereItIs());
    const ready = !state.missing.length && !Object.keys(faults()).length;
    byId("complete").disabled = !ready || state.more === "next" || !byId("attested").checked;
    if (byId("next")) {
      byId("next").disabled = !ready || state.more !== "next";
      if (state.more === "done") byId("arrived").textContent = "The payer has no more questions. Check the answers and send the form.";
    }
  }

  // Sends what stands on the page and shows what is said of it; tells whether it was taken.
  async function exchange(url, more) {
    clearTimeout(waiting);
    waiting = null;
    if (!state) return false; // what is not drawn is not answered with nothing
    const values = renderer.values();
    isKept = false;
    if (!values) { problem("An answer is not what its question asks for. Correct it: until then nothing more is kept or sent."); return false; }
    underWay += 1;
    const { ok, status, answer } = await call(url, { ...values, ...more, turn: Number(box.dataset.turn) }).finally(() => { underWay -= 1; });
    if (answer.next) { isLeaving = true; location.assign(answer.next); return true; }
    if (answer.new) await redrawn(answer);
    if (answer.marks) show(answer);
    isKept = Boolean(answer.marks);
    problem(ok ? "" : answer.error || (status === 422 ? "Something is still missing." : "The app does not answer. Try again."));
    return ok;
  }

  function inTurn(turn) {
    busy = turn.catch(() => {
      problem("The app does not answer. What you entered is still on this page, and is kept as soon as it answers.");
      clearTimeout(waiting);
      waiting = setTimeout(() => send(box.dataset.draft), AGAIN);
      return false;
    });
    return busy;
  }

  const send = (url, more) => inTurn(busy.then(() => exchange(url, more)));

  // What was pressed is said at once, and pressing again meanwhile does nothing. Where the answers go away with it, none
  // is taken until it is over: it would be neither in what went nor on the page that comes.
  async function act(words, url, { goes = false, ...more } = {}) {
    if (isActing) return;
    isActing = true;
    told(words);
    const sent = send(url, more);
    box.inert = goes;
    await sent;
    if (isLeaving) return;
    box.inert = isActing = false;
    if (byId("saved").textContent === words) told(state ? whereItIs() : "");
  }

  function changed(soon) {
    mayLeave = false;
    clearTimeout(waiting);
    waiting = setTimeout(() => send(box.dataset.draft), soon ? 0 : 400);
  }

  // What was typed last is kept before one of the app's own buttons or links leads elsewhere; where it cannot be, and
  // the page has said so before, it is left all the same.
  function keptFirst(event) {
    if (waiting === null && !underWay) { mayLeave = true; return; }
    event.preventDefault();
    const { currentTarget, submitter } = event;
    const isTold = !byId("problem").hidden;
    (waiting === null ? busy : send(box.dataset.draft)).then((isTaken) => {
      if (isLeaving || !(isTaken || isTold)) return;
      // not while the first press is still being told of: a form is then not sent
      setTimeout(() => (submitter ? currentTarget.requestSubmit(submitter) : currentTarget.click()), 0);
    });
  }

  // It is sent before the page goes in any other way; the browser asks first where the EHR does not have it all.
  function leaving(event) {
    if (isLeaving || mayLeave) return;
    if (waiting !== null) inTurn(exchange(box.dataset.draft));
    if (event.type === "beforeunload" && (underWay || !isKept || state?.unsaved)) event.preventDefault();
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
    const { ok, answer } = await call(box.dataset.form).catch(() => ({ answer: { error: "The app does not answer. Load the page again." } }));
    if (!ok) { problem(answer.error); return; }
    await renderer.open(answer);
    show(answer.state);
    box.dataset.ready = "yes";
  }

  // What LHC-Forms cannot draw is drawn with plain controls.
  function undrawn() {
    const plain = document.querySelector("button[name=plain][value=yes]");
    if (plain) plain.click();
    else problem("The form cannot be shown. The payer's form authors should know.");
  }

  byId("save").addEventListener("click", () => act("Saving…", box.dataset.save));
  byId("complete").addEventListener("click", () => act("Sending…", box.dataset.complete, { goes: true, attested: byId("attested").checked }));
  if (byId("next")) byId("next").addEventListener("click", () => act("Asking the payer…", box.dataset.next, { goes: true }));
  byId("attested").addEventListener("change", () => state && show(state));
  for (const one of document.querySelectorAll("form")) one.addEventListener("submit", keptFirst);
  for (const one of document.querySelectorAll("aside a")) one.addEventListener("click", keptFirst);
  for (const kind of ["beforeunload", "pagehide"]) addEventListener(kind, leaving);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && waiting !== null && send(box.dataset.draft));
  open().then(() => renderer.listen(changed, remark)).catch(undrawn);
})();
