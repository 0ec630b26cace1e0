// The only script of our own: themes, focus after a swap, "/" for the search, dialogs, <details> that stay open, and
// a form that is sent twice by a double click is sent once.
(() => {
  const root = document.documentElement;
  const place = `theme${root.dataset.theme || ""}`; // another choice in the profile begins anew
  const remembered = () => { try { return localStorage.getItem(place); } catch { return null; } };
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  const theme = remembered();
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;

  document.addEventListener("click", event => {
    if (event.target.closest("[data-theme-switch]")) {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem(place, root.dataset.theme); } catch { /* stays for this page */ }
    }
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog && dialog.showModal) { event.preventDefault(); dialog.showModal(); }
    const closer = event.target.closest("[data-close]");
    if (closer && closer.closest("dialog")) { event.preventDefault(); closer.closest("dialog").close(); }
  });

  document.addEventListener("keydown", event => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const search = document.getElementById("q");
    if (event.key === "/" && !typing && search) { event.preventDefault(); search.focus(); }
  });

  const PATIENCE = 5000; // ms; whoever presses again after that means it
  const sentAt = new WeakMap();
  document.addEventListener("submit", event => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (event.timeStamp - (sentAt.get(form) ?? -Infinity) < PATIENCE) event.preventDefault();
    else sentAt.set(form, event.timeStamp);
  });

  const showSelected = () => document.querySelectorAll(".scroll .n--sel").forEach(node => {
    const region = node.closest(".scroll"), place = node.getBoundingClientRect();
    region.scrollLeft += place.left - region.getBoundingClientRect().left - (region.clientWidth - place.width) / 2;
  });
  document.addEventListener("htmx:afterSettle", showSelected);

  document.addEventListener("htmx:afterSwap", event => {
    const wanted = event.detail.elt.querySelector && event.detail.elt.querySelector("[data-focus]");
    if (wanted) wanted.focus();
  });
  document.addEventListener("htmx:beforeSwap", event => {
    // What a person opened stays open when the region around it refreshes itself.
    const open = [...event.detail.target.querySelectorAll("details[open][id]")].map(element => element.id);
    if (open.length) document.addEventListener("htmx:afterSettle", () => {
      open.forEach(id => { const details = document.getElementById(id); if (details) details.open = true; });
    }, { once: true });
  });
  document.addEventListener("DOMContentLoaded", () => {
    showSelected();
    const summary = document.querySelector("[data-focus]");
    if (summary) summary.focus();
  });
})();
