// The form drawn by the server with plain controls: read as a QuestionnaireResponse, and kept in step with what the
// server says of it. An answer that nobody touched goes back exactly as it came.
"use strict";
window.renderer = (function () {
  const box = document.getElementById("form");
  const DECIMAL = /^([-+]?)(?=\.?\d)(\d{0,18})(?:\.(\d{0,18}))?$/;
  const NAME = /\b[qa]\d+(-c\d+)*/g; // how the server names what it draws; a copy gets a name of its own
  const INTEGER = /^[-+]?\d{1,18}$/;
  const NUMBERS = ["integer", "decimal", "quantity"];
  const VALUE = { integer: "valueInteger", string: "valueString", text: "valueString", date: "valueDate", moment: "valueDateTime", time: "valueTime", url: "valueUri" };
  let clones = 0;
  let tell = () => {};

  const own = (within, selector) => within.querySelector(`:scope > ${selector}`);
  const listOf = (within, selector) => [...within.querySelectorAll(`:scope > ${selector}`)];
  const input = (answer, selector) => own(answer, ".control").querySelector(selector);

  // What the controls of one answer say, as text: the same text means that nobody touched them.
  function said(answer) {
    const parts = [...own(answer, ".control").querySelectorAll("input, select, textarea")];
    return JSON.stringify(parts.map((one) => (one.type === "radio" || one.type === "checkbox" ? one.checked : one.type === "file" ? one.files.length : one.value)));
  }

  function offset() {
    const minutes = -new Date().getTimezoneOffset();
    const two = (n) => String(Math.floor(Math.abs(n))).padStart(2, "0");
    return `${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
  }

  function choiceOf(answer, one) {
    if (one.value) return JSON.parse(one.value);
    const text = input(answer, ".other").value.trim();
    return text ? { valueString: text } : null;
  }

  function quantity(answer, number) {
    const fixed = input(answer, "[data-unit]");
    const units = input(answer, ".units");
    const unit = fixed ? JSON.parse(fixed.dataset.unit) : units.tagName === "SELECT" ? JSON.parse(units.value) : units.value.trim() ? { unit: units.value.trim() } : {};
    return { valueQuantity: { value: number, ...unit } };
  }

  // A number as JSON has it: .5 is 0.5, and 5. is 5.
  const numeral = (text) => text.replace(DECIMAL, (_, sign, whole, part) => `${sign}${whole || 0}${part ? `.${part}` : ""}`);

  // The values of one answer: none, one, or of check boxes several. Numbers go as text, so that their digits stay.
  function valuesOf(control, answer) {
    const held = answer.dataset.held ? JSON.parse(answer.dataset.held) : null;
    if (answer.dataset.said === said(answer)) return held === null ? [] : [].concat(held);
    if (control === "yes-no") {
      const one = input(answer, "input:checked");
      return one ? [{ valueBoolean: one.value === "true" }] : [];
    }
    if (control === "radios" || control === "checks") {
      return [...own(answer, ".control").querySelectorAll("input:checked")].map((one) => choiceOf(answer, one)).filter(Boolean);
    }
    if (control === "search") {
      const chosen = window.searchBox.chosen(input(answer, ".search"));
      return chosen ? [chosen] : [];
    }
    if (control === "file") return answer.dataset.file ? [JSON.parse(answer.dataset.file)] : [];
    const text = input(answer, ".value").value.trim();
    if (!text || fault(control, text)) return [];
    if (control === "quantity") return [quantity(answer, numeral(text))];
    if (control === "decimal") return [{ valueDecimal: numeral(text) }];
    if (control === "reference") return [{ valueReference: { reference: text } }];
    if (control === "moment" && /T\d\d:\d\d$/.test(text)) return [{ valueDateTime: `${text}:00${offset()}` }];
    if (control === "time" && text.length === 5) return [{ valueTime: `${text}:00` }];
    return [{ [VALUE[control] || "valueString"]: text }];
  }

  function fault(control, text) {
    if (NUMBERS.includes(control) && text.includes(",")) return "Write the number without a comma; decimals follow a point, as in 1.5.";
    if (control === "integer" && !INTEGER.test(text)) return "Give a whole number.";
    if ((control === "decimal" || control === "quantity") && !DECIMAL.test(text)) return "Give a number.";
    return "";
  }

  function itemsIn(within) {
    return within ? listOf(within, "[data-link]").flatMap(read) : [];
  }

  function read(element) {
    const { link, control } = element.dataset;
    if (control === "display") return [];
    if (control === "group") {
      const rows = listOf(own(element, ".rows"), ".row").map((row) => itemsIn(row));
      return rows.filter((below) => below.length).map((below) => ({ linkId: link, item: below }));
    }
    const answers = listOf(own(element, ".answers"), ".answer").flatMap((answer) => {
      const below = itemsIn(own(answer, ".below"));
      return valuesOf(control, answer).map((value, place) => (below.length && place === 0 ? { ...value, item: below } : value));
    });
    return answers.length ? [{ linkId: link, answer: answers }] : [];
  }

  const elements = (link) => [...box.querySelectorAll(`[data-link="${CSS.escape(link)}"]`)];

  function line(element, kind) {
    return document.getElementById(`${element.id}-${kind}`);
  }

  function mark(link, mark_) {
    for (const element of elements(link)) {
      const note = line(element, "origin");
      if (!note) continue;
      note.hidden = !mark_;
      if (!mark_) continue;
      const badge = Object.assign(document.createElement("span"), { className: `mark ${mark_.kind}`, textContent: mark_.kind });
      note.replaceChildren(badge, ` ${mark_.words}`);
    }
  }

  // A response has no place for what is below an answer that is not there.
  function isLost(control, answer) {
    const below = own(answer, ".below");
    if (!below || valuesOf(control, answer).length) return false;
    const typed = (one) => one.dataset.said !== said(one) && !one.closest("[hidden]");
    return itemsIn(below).length > 0 && [...below.querySelectorAll(".answer")].some(typed);
  }

  // What never reaches the server: text that is no number, words that are in no list, what stands below no answer.
  function unread(element) {
    const { control, type } = element.dataset;
    if ("fixed" in element.dataset) return "";
    if (listOf(own(element, ".answers"), ".answer").some((one) => isLost(control, one))) return "Answer this too: what you enter below is not kept without it.";
    if (control === "file") return listOf(own(element, ".answers"), ".answer").map((one) => one.dataset.refused).find(Boolean) || "";
    const texts = (selector) => listOf(own(element, ".answers"), ".answer").map((one) => [one, input(one, selector).value.trim()]);
    if (NUMBERS.includes(control)) return texts(".value").map(([, text]) => text && fault(control, text)).find(Boolean) || "";
    if (control !== "search" || type === "open-choice") return "";
    const none = ([answer, text]) => text && !valuesOf(control, answer).length && document.activeElement !== input(answer, ".value");
    return texts(".value").some(none) ? "Choose one of the list." : "";
  }

  function faults() {
    const found = [...box.querySelectorAll(".question")].map((one) => [one.dataset.link, unread(one)]);
    return Object.fromEntries(found.filter(([, words]) => words));
  }

  function flag(said_) {
    for (const element of box.querySelectorAll(".question")) {
      const words = said_[element.dataset.link] || "";
      const note = line(element, "fault");
      note.hidden = !words;
      if (note.textContent !== words) note.textContent = words;
      for (const one of element.querySelectorAll(":scope > .answers > .answer > .control .value")) one.setAttribute("aria-invalid", String(Boolean(words)));
    }
  }

  // The server counts the entries of a group that hold an answer, and the answers that have questions of their own
  // below; an empty one is the one that might come next.
  function entry(one, isFilled, known) {
    if (!known.has(one)) {
      const all = listOf(one.parentElement, `.${one.className}`);
      const filled = all.filter(isFilled);
      for (const each of all) known.set(each, (filled.indexOf(each) + 1) || filled.length + 1);
    }
    return known.get(one);
  }

  // Where an element stands, as the server names it: 1#2/1.1 is question 1.1 in the second entry of group 1.
  function place(element, known) {
    const around = element.parentElement.closest(".row, .below");
    if (!around) return element.dataset.link;
    const holder = around.parentElement.closest("[data-link]");
    const number = around.matches(".row") ? entry(around, (row) => itemsIn(row).length, known)
      : "apart" in holder.dataset ? entry(around.parentElement, (answer) => valuesOf(holder.dataset.control, answer).length, known)
      : 1;
    return `${place(holder, known)}#${number}/${element.dataset.link}`;
  }

  function hide(places) {
    const off = new Set(places), known = new Map();
    for (const element of box.querySelectorAll("[data-link]")) element.hidden = "hidden" in element.dataset || off.has(place(element, known));
  }

  // What the form calculates is shown where nobody has typed.
  function calculated(values) {
    for (const [link, value] of Object.entries(values)) {
      for (const element of elements(link)) {
        const answer = own(own(element, ".answers"), ".answer");
        if (!answer || answer.contains(document.activeElement)) continue;
        const shown = value.shown;
        const field = input(answer, ".value");
        if (field) field.value = shown;
        else if (input(answer, ".fixed")) input(answer, ".fixed").textContent = { true: "Yes", false: "No" }[shown] || shown || "–";
        else for (const one of own(answer, ".control").querySelectorAll("input")) one.checked = one.value === shown || one.value === value.held;
        answer.dataset.held = value.held;
        answer.dataset.said = said(answer);
      }
    }
  }

  function renamed(fragment) {
    const suffix = `-c${(clones += 1)}`;
    for (const one of fragment.querySelectorAll("*")) {
      for (const name of ["id", "for", "name", "aria-labelledby", "aria-describedby", "aria-controls"]) {
        if (one.hasAttribute(name)) one.setAttribute(name, one.getAttribute(name).replace(NAME, `$&${suffix}`));
      }
      if (one.tagName === "TEMPLATE") renamed(one.content);
    }
    return fragment;
  }

  // A moment is shown in the clinician's own time; not touched, it goes back as it was written.
  function local(field) {
    if (!/T\d\d:\d\d.*(Z|[-+]\d\d:\d\d)$/.test(field.value)) return;
    const at = new Date(field.value);
    const here = new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    field.type = "datetime-local";
    field.value = here;
  }

  function wire(within) {
    for (const field of within.querySelectorAll("[data-control=moment] .value[type=text]")) local(field);
    for (const answer of within.querySelectorAll(".answer")) answer.dataset.said = said(answer);
    for (const one of within.querySelectorAll(".search")) window.searchBox.wire(one, box.dataset.codes);
    for (const one of within.querySelectorAll(".clear")) clearable(one.closest(".question"));
  }

  function clearable(question) {
    const { held, file, refused } = own(question, ".answers").firstElementChild?.dataset || {};
    const isFile = question.dataset.control === "file";
    const any = isFile ? held || file || refused : question.querySelector(":scope > .answers > .answer > .control input:checked");
    const button = own(question, ".clear");
    if (button) button.hidden = !any;
  }

  function added(button) {
    const holder = button.closest(".question, .group");
    const fragment = renamed(own(holder, "template").content.cloneNode(true));
    const list = own(holder, ".answers, :scope > .rows");
    list.append(fragment);
    wire(list.lastElementChild);
    const first = list.lastElementChild.querySelector("input, select, textarea");
    if (first) first.focus();
  }

  function removed(button) {
    const gone = button.closest(".answer, .row");
    const holder = gone.closest(".question, .group");
    gone.remove();
    own(holder, "p > .more").focus();
  }

  function clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches(".more")) added(button);
    else if (button.matches(".less")) removed(button);
    else if (button.matches(".clear")) {
      for (const one of button.closest(".question").querySelectorAll(":scope > .answers > .answer > .control input")) one.type === "text" || one.type === "file" ? (one.value = "") : (one.checked = false);
      if (button.closest(".question").dataset.control === "file") unfiled(button.closest(".question"));
      button.hidden = true;
    } else return;
    tell(true);
  }

  function unfiled(question) {
    const answer = own(own(question, ".answers"), ".answer");
    for (const name of ["held", "file", "refused"]) delete answer.dataset[name];
    input(answer, ".value").value = "";
    input(answer, ".file")?.remove();
  }

  // One choice may exclude the others, and words of one's own are chosen as they are typed.
  function chosen(event) {
    const one = event.target;
    const within = one.closest(".control");
    if (!within) return;
    if (one.matches(".other")) {
      const beside = within.querySelector('input[value=""]');
      if (beside) beside.checked = Boolean(one.value.trim());
    } else if (one.type === "checkbox" && one.checked) {
      for (const other of within.querySelectorAll("input:checked")) if (other !== one && ("alone" in one.dataset || "alone" in other.dataset)) other.checked = false;
    }
    if (one.closest(".question")) clearable(one.closest(".question"));
  }

  // The bytes of the files that the other answers hold, in Base64 a third more.
  function otherFiles(answer) {
    const others = [...box.querySelectorAll("[data-control=file] > .answers > .answer")].filter((one) => one !== answer);
    return others.reduce((sum, one) => sum + (one.dataset.file || one.dataset.held || "").length * 0.75, 0);
  }

  function fileRead(field) {
    const answer = field.closest(".answer");
    const file = field.files[0];
    delete answer.dataset.refused;
    if (file && file.size + otherFiles(answer) > Number(box.dataset.most)) {
      const most = (Number(box.dataset.most) / 1e6).toFixed(1);
      field.value = "";
      answer.dataset.refused = `“${file.name}” is too large: the files of a form may have ${most} MB together. Send it from your EHR.`;
    }
    if (!file || answer.dataset.refused) { delete answer.dataset.file; clearable(answer.closest(".question")); tell(true); return; }
    const reader = new FileReader();
    reader.onload = () => {
      const value = { contentType: file.type || "application/octet-stream", data: reader.result.split(",")[1], title: file.name };
      answer.dataset.file = JSON.stringify({ valueAttachment: value });
      clearable(answer.closest(".question"));
      tell(true);
    };
    reader.readAsDataURL(file);
  }

  function goTo(link) {
    const element = elements(link).find((one) => !one.hidden) || elements(link)[0];
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    const field = element.querySelector("input, select, textarea, button");
    if (field) field.focus({ preventScroll: true });
  }

  async function open(answer) {
    if (!box.querySelector("[data-link]")) {
      const reply = await fetch(box.dataset.questions);
      box.innerHTML = await reply.text(); // our own server's, with every word escaped
    }
    wire(box);
    return answer;
  }

  function listen(changed) {
    tell = changed;
    box.addEventListener("click", clicked);
    box.addEventListener("input", chosen);
    box.addEventListener("input", () => tell(false));
    box.addEventListener("change", (event) => (event.target.type === "file" ? fileRead(event.target) : tell(event.target.type !== "text")));
  }

  return {
    open, listen, mark, goTo, flag, faults, hide, calculated,
    values: () => ({ resourceType: "QuestionnaireResponse", item: itemsIn(box) }),
    clear: () => box.replaceChildren(),
  };
})();
