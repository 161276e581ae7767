// Small comforts; every page works without them.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const before = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = before; }, 2000);
});

// The server refuses it all the same, but only once the whole file is there.
document.addEventListener("change", (event) => {
  const input = event.target.closest("[data-bytes-max]");
  if (!input) return;
  const isTooLarge = [...input.files].some((file) => file.size > Number(input.dataset.bytesMax));
  input.setCustomValidity(isTooLarge ? input.dataset.tooLarge : "");
  input.reportValidity();
});
