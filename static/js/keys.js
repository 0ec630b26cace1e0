// Keys of every page: rows of a table, what the search suggests, the list of keys. Pages work without.
(() => {
  const isTyping = target => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const rowsOf = () => [...(document.querySelector("main table[data-keys]") || document.querySelector("main table.tbl") || document.createElement("table")).querySelectorAll("tbody tr")];
  const here = () => document.querySelector("tr.here");

  const move = step => {
    const rows = rowsOf(), at = rows.indexOf(here());
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
    if (!next) return;
    if (here()) here().classList.remove("here");
    next.classList.add("here");
    const link = next.querySelector("a[href]");
    if (link) link.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  const acts = {
    j: () => move(1),
    k: () => move(-1),
    x: () => { const box = here() && here().querySelector("input[type=checkbox]"); if (box) box.click(); },
    "?": () => { const dialog = document.getElementById("keys"); if (dialog && !dialog.open) dialog.showModal(); },
  };

  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && here() && event.target === document.body) {
      const link = here().querySelector("a[href]");
      if (link) link.click();
    } else if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
  });

  document.addEventListener("keydown", event => {
    const find = event.target.closest(".find");
    if (!find) return;
    const links = [...find.querySelectorAll(".suggest a")], at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && links.length) { event.preventDefault(); links[Math.min(at + 1, links.length - 1)].focus(); }
    if (event.key === "ArrowUp" && at >= 0) { event.preventDefault(); (at ? links[at - 1] : find.querySelector("input")).focus(); }
    if (event.key === "Escape") { find.querySelector(".suggest").replaceChildren(); find.querySelector("input").focus(); find.querySelector("input").blur(); }
  });
  document.addEventListener("click", event => {
    const box = document.querySelector(".suggest");
    if (box && !event.target.closest(".find")) box.replaceChildren();
  });
})();
