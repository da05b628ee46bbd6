// Finds out what the page is like and what it does; the findings end up in #probe, as JSON in base64.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const rows = all("#rows > li[data-host]");
  const shown = (element) => element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true });
  const box = (element) => {
    const { left, right, width, top, bottom } = element.getBoundingClientRect();
    return { left, right, width, top, bottom };
  };
  const style = (element) => {
    const { backgroundColor, backgroundImage, boxShadow, outlineStyle, color } = getComputedStyle(element);
    return { backgroundColor, backgroundImage, boxShadow, outlineStyle, color };
  };
  const set = (id, value) => {
    one(id).value = value;
    one(id).dispatchEvent(new Event("input", { bubbles: true }));
  };
  const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const visible = () => rows.filter(shown).map((row) => row.dataset.host);
  const name = (element) => ({ tag: element.tagName, id: element.id, name: element.computedName, role: element.computedRole });
  const found = { builtMs: performance.now() };

  found.laidOutMs = (document.body.getBoundingClientRect(), performance.now());
  found.title = document.title;
  found.lang = document.documentElement.lang;
  found.innerWidth = innerWidth;
  found.pageWidth = document.documentElement.scrollWidth;
  found.elements = document.querySelectorAll("*").length;
  found.foreign = all("img, iframe, object, embed, link, svg, form, audio, video, base, script:not([data-probe])").map((e) => e.outerHTML.slice(0, 80));
  found.handlers = all("*").flatMap((e) => e.getAttributeNames().filter((attribute) => attribute.startsWith("on") || attribute === "autofocus"));
  found.resources = performance.getEntriesByType("resource").map((entry) => entry.name);
  found.links = all("[href], [src]").map((e) => e.getAttribute("href") ?? e.getAttribute("src"));
  found.headings = all("h1, h2").map((e) => ({ tag: e.tagName, text: e.textContent }));
  found.columns = all("th").map((e) => e.getAttribute("scope"));
  found.tables = all("table").length;

  found.theme = {
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    body: style(document.body),
    name: style(rows[0].querySelector(".name")),
  };

  found.rows = rows.slice(0, 64).map((row) => {
    const track = row.querySelector(".track");
    return {
      host: row.dataset.host,
      state: row.dataset.state,
      text: row.querySelector(".name").textContent,
      height: box(row).bottom - box(row).top,
      track: box(track),
      parts: [...track.children].map((part) => ({ class: part.className, title: part.title, ...box(part), ...style(part) })),
    };
  });
  found.count = rows.length;
  found.outside = rows.filter((row) => {
    const track = box(row.querySelector(".track"));
    return all(".bar, .gap", row).some((part) => box(part).left < track.left - 1 || box(part).right > track.right + 1.5 || box(part).width < 0.5);
  }).length;
  // The words on the axis, as far as they are seen.
  found.axis = all(".axis .tick").filter((tick) => parseFloat(getComputedStyle(tick).fontSize) > 0 && tick.textContent).map((tick) => {
    const range = document.createRange();
    range.selectNodeContents(tick);
    return { text: tick.textContent, ...box(range) };
  });
  found.legend = all(".legend i").map((e) => ({ class: e.className, text: e.parentElement.textContent, ...style(e) }));

  // Text that is hard to read: too little contrast to what is behind it.
  const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  for (const element of all("body *").slice(0, 4000)) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || !shown(element) || ["SCRIPT", "OPTION"].includes(element.tagName)) continue;
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.add(`${element.tagName}.${element.className}: ${contrast.toFixed(2)}`);
  }
  found.faint = [...faint];

  // What the keyboard gets to, and what it is called there.
  found.stops = all("a[href], input, select, button, summary, [tabindex]").filter((e) => e.tabIndex >= 0 && shown(e)).slice(0, rows.length > 64 ? 0 : undefined).map(name);
  rows[0].focus();
  // `:focus` holds only once the browser has given its window the focus, which a busy machine does late: the style is
  // asked for by a class in its place.
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) if (rule.selectorText) rule.selectorText = rule.selectorText.replace(/:focus(?!-)/g, ".has-focus");
  }
  document.activeElement.classList.add("has-focus");
  found.focused = { outline: getComputedStyle(rows[0]).outlineStyle, unfocused: getComputedStyle(rows[1]).outlineStyle, host: document.activeElement.dataset.host, ...name(rows[0]) };
  rows[0].classList.remove("has-focus");
  press("ArrowDown");
  press("ArrowDown");
  press("ArrowUp");
  found.after = document.activeElement.dataset.host;
  press("End");
  found.last = document.activeElement.dataset.host;
  press("Home");
  found.first = document.activeElement.dataset.host;
  press("ArrowDown");
  press("Enter");
  found.entered = { tag: document.activeElement.tagName, host: document.activeElement.parentElement.dataset.host, open: document.activeElement.parentElement.open };
  press("Escape");
  found.back = document.activeElement.dataset.host;

  // Zoom.
  found.zoom = [1, 4, 20, 1].map((zoom) => {
    set("zoom", zoom);
    const bar = all(".bar", rows[0]).at(-1);
    return { zoom, rows: box(one("rows")).width, bar: box(bar).width, view: box(one("timeline")).width, page: document.documentElement.scrollWidth, name: box(rows[0].querySelector(".name")) };
  });
  set("zoom", 4);
  one("timeline").scrollLeft = 500;
  found.scrolled = { name: box(rows[0].querySelector(".name")), view: box(one("timeline")) };
  set("zoom", 1);

  // Filter and search.
  found.filtered = {};
  for (const state of all("#state option").map((option) => option.value)) {
    set("state", state);
    found.filtered[state] = { hosts: visible().length, states: [...new Set(rows.filter(shown).map((row) => row.dataset.state))], told: one("shown").textContent, details: all("details[data-host]").filter(shown).length };
  }
  set("state", "");
  set("role", "server");
  found.servers = visible();
  set("role", "");
  found.searched = {};
  for (const word of ["ONERROR", "worker-7", "no such host", "</li>", ""]) {
    set("search", word);
    found.searched[word] = { hosts: visible(), told: one("shown").textContent, stops: rows.filter((row) => shown(row) && row.tabIndex === 0).length };
  }

  // As it is printed: what stands for print alone now holds. First what it does by itself, then with the script.
  for (const sheet of document.styleSheets) {
    for (const rule of [...sheet.cssRules]) if (rule.media?.mediaText === "print") rule.media.mediaText = "all";
  }
  const cut = (element) => element.scrollHeight > element.clientHeight + 1 && getComputedStyle(element).overflowY !== "visible";
  const closed = () => all("details > :not(summary)").filter((e) => !shown(e)).length;
  const open = () => all("details[open]").length;
  found.print = {
    closed: closed(),
    cut: all("pre, #timeline, section, details").filter(cut).length,
    controls: all(".controls, nav").filter(shown).length,
    rows: rows.filter(shown).length,
    open: [open(), (dispatchEvent(new Event("beforeprint")), open()), (dispatchEvent(new Event("afterprint")), open())],
    details: all("details").length,
  };

  const result = document.createElement("pre");
  result.id = "probe";
  const bytes = new TextEncoder().encode(JSON.stringify(found));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  result.textContent = btoa(text);
  document.body.append(result);
})();
