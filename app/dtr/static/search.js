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
    const reply = await fetch(`${codes}?${new URLSearchParams({ set: box.dataset.set, text })}`);
    return reply.ok ? reply.json() : [];
  }

  function wire(box, codes) {
    const field = box.querySelector("input");
    const list = box.querySelector("[role=listbox]");
    let at = -1;
    let asked = 0;
    let waiting = null;

    // What is chosen and too long for its field stands below it whole; who listens hears it from the field.
    function whole() {
      const below = box.querySelector(".whole");
      below.textContent = field.value;
      below.hidden = document.activeElement === field || field.scrollWidth <= field.clientWidth;
    }

    function close() {
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
      clearTimeout(waiting);
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
      if (every.length > MOST) options.push(Object.assign(document.createElement("span"), { className: "note", textContent: `${every.length - MOST} more; type more of the word` }));
      if (!options.length) options.push(Object.assign(document.createElement("span"), { className: "note", textContent: "open" in box.dataset ? "Not in the list; your own words are taken" : "Nothing in the list fits" }));
      list.replaceChildren(...options);
      list.hidden = false;
      field.setAttribute("aria-expanded", "true");
      at = -1;
    }

    async function look() {
      const number = (asked += 1);
      const every = await found(box, field.value.trim(), codes);
      if (number === asked && document.activeElement === field) show(every);
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

    field.addEventListener("input", (event) => {
      if (!event.isTrusted) return;
      clearTimeout(waiting);
      waiting = setTimeout(look, box.dataset.set ? 200 : 0);
    });
    field.addEventListener("keydown", (event) => {
      const open = !list.hidden;
      if (event.key === "ArrowDown" && !open) look();
      else if (event.key === "ArrowDown") move(1);
      else if (event.key === "ArrowUp" && open) move(-1);
      else if (event.key === "Enter" && open && at >= 0) take(list.querySelectorAll("[role=option]")[at]);
      else if (event.key === "Escape" && open) close();
      else return;
      event.preventDefault();
    });
    field.addEventListener("focus", whole);
    field.addEventListener("blur", () => { close(); whole(); });
    new ResizeObserver(whole).observe(field);
  }

  return { wire, chosen };
})();
