// The form drawn by LHC-Forms, with our marks beside each question.
"use strict";
window.renderer = (function () {
  const box = document.getElementById("form");

  function labels(link) {
    return document.querySelectorAll(`[id^="label-${CSS.escape(link)}/"]`);
  }

  function line(label, kind) {
    const row = label.closest(".lhc-item-question, .lhc-question, td, div") || label.parentElement;
    return { row, held: row.querySelector(`:scope > .${kind}`) };
  }

  // Put a line of this kind below a label, or take it away; "shown" tells whether it has changed.
  function put(label, kind, shown, fill) {
    const { row, held } = line(label, kind);
    if (!shown) { if (held) held.remove(); return; }
    const note = held || Object.assign(document.createElement("span"), { className: kind, id: `${kind}-${label.id}` });
    if (!held) row.append(note);
    if (note.dataset.shown === shown) return;
    note.dataset.shown = shown;
    fill(note);
    const field = document.getElementById(label.getAttribute("for") || "");
    if (field) field.setAttribute("aria-describedby", `origin-${label.id} fault-${label.id}`);
  }

  function mark(link, said) {
    for (const label of labels(link)) {
      put(label, "origin", said && `${said.kind}|${said.words}`, (note) => {
        const badge = Object.assign(document.createElement("span"), { className: `mark ${said.kind}`, textContent: said.kind });
        note.replaceChildren(badge, ` ${said.words}`);
      });
    }
  }

  function flag(faults) {
    for (const old of document.querySelectorAll("#form .fault")) if (!(old.dataset.link in faults)) old.remove();
    for (const [link, words] of Object.entries(faults)) {
      for (const label of labels(link)) put(label, "fault", words, (note) => { note.dataset.link = link; note.textContent = words; });
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

  // A field for a unit says to screen readers no more than "Type a number".
  function nameUnits() {
    for (const unit of box.querySelectorAll('input[id^="unit_"]')) {
      const label = document.getElementById(`label-${unit.id.replace("unit_", "")}`);
      unit.setAttribute("aria-label", `Unit of ${label ? label.textContent.trim() : "the answer"}`);
    }
  }

  async function open(answer) {
    const form = LForms.Util.convertFHIRQuestionnaireToLForms(answer.form, "R4");
    const filled = LForms.Util.mergeFHIRDataIntoLForms(answer.response, form, "R4");
    box.replaceChildren();
    await LForms.Util.addFormToPage(filled, box, { prepopulate: false });
    nameUnits();
  }

  function listen(changed, redrawn) {
    for (const kind of ["input", "change", "click", "focusout"]) box.addEventListener(kind, () => changed(false));
    new MutationObserver(() => { nameUnits(); redrawn(); }).observe(box, { childList: true, subtree: true });
  }

  return {
    open, listen, mark, goTo, flag,
    faults: () => ({}),
    hide: () => {}, // it evaluates conditions and calculations by itself
    calculated: () => {},
    // null while one of its fields holds what is no answer, such as letters for a number
    values: () => LForms.Util.getFormFHIRData("QuestionnaireResponse", "R4", box),
    clear: () => box.replaceChildren(),
  };
})();
