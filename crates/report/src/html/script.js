// Zoom, filter, search, and ways for the keyboard. Without it everything is there, at its natural size.
(() => {
  const by = (id) => document.getElementById(id);
  const rows = by("rows"), zoom = by("zoom"), search = by("search"), state = by("state"), role = by("role"), shown = by("shown");
  const hosts = [...document.querySelectorAll("[data-host]")];
  const inTimeline = [...rows.querySelectorAll("li[data-host]")];
  const visible = () => inTimeline.filter((row) => !row.classList.contains("hidden"));
  // Of all rows one is on the way of the tab key: a thousand would be a wall.
  let stop = inTimeline[0];
  const stopAt = (row) => {
    if (!row) return;
    stop.tabIndex = -1;
    row.tabIndex = 0;
    stop = row;
  };
  const filter = () => {
    const word = search.value.trim().toLowerCase();
    const fits = (row) =>
      (!word || row.dataset.host.toLowerCase().includes(word)) &&
      (!state.value || row.dataset.state === state.value) &&
      (!role.value || row.dataset.role === role.value);
    for (const row of hosts) row.classList.toggle("hidden", !fits(row));
    const left = visible();
    if (!left.includes(stop)) stopAt(left[0]);
    shown.textContent = `${left.length} of ${inTimeline.length} hosts`;
  };
  for (const control of [search, state, role]) control.addEventListener("input", filter);
  zoom.addEventListener("input", () => rows.style.setProperty("--zoom", zoom.value));
  rows.addEventListener("focusin", (event) => stopAt(event.target.closest("li[data-host]")));
  rows.addEventListener("keydown", (event) => {
    const left = visible(), at = left.indexOf(document.activeElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: left.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      left[Math.min(Math.max(to, 0), left.length - 1)].focus();
    }
    if (event.key === "Enter") {
      const details = by(left[at].dataset.details);
      details.open = true;
      details.querySelector("summary").focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    const details = event.key === "Escape" && event.target.closest?.("details[data-host]");
    if (details) inTimeline.find((row) => row.dataset.details === details.id)?.focus();
  });
  // The style sheet opens everything on paper; not every browser takes that from it.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
  for (const row of inTimeline) row.tabIndex = -1;
  stopAt(stop);
  filter();
})();
