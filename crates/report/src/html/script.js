// Zoom, filter and search. Without it everything is there, at its natural size.
(() => {
  const by = (id) => document.getElementById(id);
  const rows = by("rows"), zoom = by("zoom"), search = by("search"), state = by("state"), role = by("role"), shown = by("shown");
  const hosts = [...document.querySelectorAll("[data-host]")];
  const inTimeline = [...rows.querySelectorAll("li[data-host]")];
  const filter = () => {
    const word = search.value.trim().toLowerCase();
    const fits = (row) =>
      (!word || row.dataset.host.toLowerCase().includes(word)) &&
      (!state.value || row.dataset.state === state.value) &&
      (!role.value || row.dataset.role === role.value);
    for (const row of hosts) row.classList.toggle("hidden", !fits(row));
    const left = inTimeline.filter((row) => !row.classList.contains("hidden")).length;
    shown.textContent = `${left} of ${inTimeline.length} hosts`;
  };
  for (const control of [search, state, role]) control.addEventListener("input", filter);
  zoom.addEventListener("input", () => rows.style.setProperty("--zoom", zoom.value));
  rows.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const visible = inTimeline.filter((row) => !row.classList.contains("hidden"));
    const at = visible.indexOf(document.activeElement);
    if (step && at >= 0) {
      event.preventDefault();
      visible[Math.min(Math.max(at + step, 0), visible.length - 1)].focus();
    }
    if (event.key === "Enter" && at >= 0) {
      const details = by(visible[at].dataset.details);
      details.open = true;
      details.querySelector("summary").focus();
    }
  });
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.failed")) details.open = true;
  });
  filter();
})();
