// The page that says what is under way stays on the screen while the browser waits for the form.
"use strict";
{
  const { next } = document.currentScript.dataset;
  const said = document.querySelector("[data-slow]");
  addEventListener("load", () => location.replace(next));
  setTimeout(() => { said.textContent = said.dataset.slow; }, 8000);
}
