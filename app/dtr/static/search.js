// A choice among many: type, and what fits is listed; arrows, Enter and Escape work as in any combobox (ARIA 1.2).
"use strict";
window.searchBox = (function () {
  const MOST = 12;

  function chosen(box) {
    const field = box.querySelector("input");
    const text = field.value.trim();
    if (!text) return null;
    if (box.dataset.chosen && box.dataset.label === text) return JSON.parse(box.dataset.chosen);
    const same = JSON.parse(box.dataset.offers).find((one) => one.label.toLowerCase() === text.toLowerCase());
    if (same) return same.value;
    return "open" in box.dataset ? { valueString: text } : null;
  }

  async function found(box, text, codes) {
    if (!box.dataset.set) {
      const words = text.toLowerCase().split(/\s+/);
      return JSON.parse(box.dataset.offers).filter((one) => words.every((word) => one.label.toLowerCase().includes(word)));
    }
    const reply = await fetch(`${codes}?${new URLSearchParams({ set: box.dataset.set, text })}`).catch(() => null);
    return reply?.ok ? reply.json() : null;
  }

  function wire(box, codes) {
    const field = box.querySelector("input");
    const list = box.querySelector("[role=listbox]");
    let at = -1;
    let asked = 0;
    let waiting = null;
    let listed = Promise.resolve(); // what is typed is listed: keys pressed before it is take effect then
    let steps = 0; // the arrows among them

    // What is chosen and too long for its field stands below it whole; who listens hears it from the field.
    function whole() {
      const below = box.querySelector(".whole");
      below.textContent = field.value;
      below.hidden = document.activeElement === field || field.scrollWidth <= field.clientWidth;
    }

    function close() {
      clearTimeout(waiting);
      waiting = null;
      asked += 1; // what is on its way opens nothing
      list.hidden = true;
      field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
      at = -1;
    }

    function take(option) {
      field.value = option.textContent;
      box.dataset.label = option.textContent;
      box.dataset.chosen = option.dataset.value;
      close();
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }

    function note(text) {
      return Object.assign(document.createElement("span"), { className: "note", textContent: text });
    }

    function show(every) {
      const options = every.slice(0, MOST).map((one, place) => {
        const option = Object.assign(document.createElement("span"), { id: `${list.id}-${place}`, className: "option", textContent: one.label });
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        option.dataset.value = JSON.stringify(one.value);
        option.addEventListener("mousedown", (event) => { event.preventDefault(); take(option); });
        return option;
      });
      if (every.length > MOST) options.push(note(`${every.length - MOST} more; type more of the word`));
      if (!options.length) options.push(note("open" in box.dataset ? "Not in the list; your own words are taken" : "Nothing in the list fits"));
      open(options);
    }

    function open(options) {
      list.replaceChildren(...options);
      list.hidden = false;
      field.setAttribute("aria-expanded", "true");
      at = -1;
    }

    function look() {
      clearTimeout(waiting);
      waiting = null;
      listed = offer(field.value.trim());
    }

    async function offer(text) {
      const number = (asked += 1);
      const every = await found(box, text, codes);
      if (number !== asked || document.activeElement !== field) return;
      if (every) show(every);
      else open([note("The list could not be read just now; type again to try again")]);
    }

    function move(step) {
      const options = [...list.querySelectorAll("[role=option]")];
      if (!options.length) return;
      if (at >= 0) options[at].setAttribute("aria-selected", "false");
      at = (at + step + options.length) % options.length;
      options[at].setAttribute("aria-selected", "true");
      options[at].scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", options[at].id);
    }

    function down() {
      if (waiting || (list.hidden && !steps)) look();
      steps += 1;
      listed.then(() => { steps -= 1; move(1); });
    }

    function enter() {
      listed.then(() => { if (at >= 0) take(list.querySelectorAll("[role=option]")[at]); });
    }

    field.addEventListener("input", (event) => {
      if (!event.isTrusted) return;
      clearTimeout(waiting);
      waiting = setTimeout(look, box.dataset.set ? 200 : 0);
    });
    field.addEventListener("keydown", (event) => {
      const shown = !list.hidden;
      if (event.key === "ArrowDown") down();
      else if (event.key === "ArrowUp" && shown) move(-1);
      else if (event.key === "Enter" && (steps > 0 || at >= 0)) enter();
      else if (event.key === "Escape" && shown) close();
      else return;
      event.preventDefault();
    });
    field.addEventListener("focus", whole);
    field.addEventListener("blur", () => { close(); whole(); });
    new ResizeObserver(whole).observe(field);
  }

  return { wire, chosen };
})();
