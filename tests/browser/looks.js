// What is wrong with how the page looks now: an array of sentences, empty on a page without fault. Run in the page by test_looks.py.
(page) => {
  const root = document.getElementById("page-" + page), wrong = [], said = new Set();
  const tell = (what, element, more = "") => {
    const line = `${what}: ${name(element)} ${more}`.trim();
    if (!said.has(line)) { said.add(line); wrong.push(line); }
  };
  const name = (element) => {
    const near = element.closest("[id]:not([id^=component])"), text = (element.textContent || element.value || "").trim().slice(0, 40);
    return `${element.tagName.toLowerCase()}${element.className && element.className.baseVal === undefined ? "." + String(element.className).trim().split(/\s+/).slice(0, 2).join(".") : ""} in #${near ? near.id : "?"} “${text}”`;
  };
  const style = (element) => getComputedStyle(element);
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;
  const hidden = (element) => element.closest(".sr-only, [aria-hidden=true], .modebar, .hover, .tour-offer") !== null;

  // colours
  const colour = (text) => {
    const found = (text.match(/[\d.]+(?:e-?\d+)?%?/g) ?? []).map(parseFloat);
    if (text.startsWith("color(srgb")) return [found[0] * 255, found[1] * 255, found[2] * 255, found[3] ?? 1];
    return text === "transparent" || found.length < 3 ? [0, 0, 0, 0] : [found[0], found[1], found[2], found[3] ?? 1];
  };
  const over = (top, below) => [0, 1, 2].map((place) => top[place] * top[3] + below[place] * (1 - top[3])).concat(1);
  const behind = (element) => { // what stands behind its text, and how opaque the text is
    const layers = [];
    let clear = 1;
    for (let at = element; at; at = at.parentElement) {
      if (at instanceof SVGElement && at.tagName !== "svg") { clear *= parseFloat(style(at).opacity); continue; }
      const now = style(at);
      if (now.backgroundImage !== "none" && now.backgroundImage.includes("gradient")) return null;
      layers.push(colour(now.backgroundColor));
      clear *= parseFloat(now.opacity);
      if (layers.at(-1)[3] === 1) break;
    }
    return [layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]), clear];
  };
  const light = (one) => one.slice(0, 3).map((value) => { const part = value / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; }).reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const contrast = (one, other) => { const [low, high] = [light(one), light(other)].sort((a, b) => a - b); return (high + 0.05) / (low + 0.05); };
  const readable = (element, ink) => {
    const found = behind(element);
    if (!found || found[1] === 0) return;
    const now = style(element), front = colour(ink);
    front[3] *= found[1];
    const size = parseFloat(now.fontSize), large = size >= 24 || (size >= 18.66 && Number(now.fontWeight) >= 700);
    const rate = contrast(over(front, found[0]), found[0]);
    if (rate < (large ? 3 : 4.5)) tell(`contrast ${rate.toFixed(1)}`, element, ink);
  };

  // names of places
  const ids = new Set();
  document.querySelectorAll("[id]:not([id=''], svg *, style, [id*=-options])").forEach((each) => { if (ids.has(each.id)) tell("another with this id", each, each.id); ids.add(each.id); });

  // wide
  const width = document.scrollingElement.scrollWidth;
  if (width > innerWidth) wrong.push(`the page is ${width} wide in a window of ${innerWidth}`);
  const scrolls = (element) => { // it, or what it stands in, can be scrolled sideways or cuts what does not fit
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      if (["auto", "scroll"].includes(style(at).overflowX) && at.scrollWidth > at.clientWidth) return true;
    }
    return false;
  };
  // texts
  const places = [root, document.getElementById("rail"), document.getElementById("lang"), document.getElementById("jobs")];
  const bar = document.getElementById("jobs").getBoundingClientRect();
  document.scrollingElement.scrollTop = document.scrollingElement.scrollHeight;
  places.forEach((place) => {
    const walk = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const element = node.parentElement;
      if (!node.data.trim() || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName) || !shown(element) || hidden(element)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      if (!box.width) continue;
      const idle = element.closest("button, input, textarea, select, fieldset")?.matches(":disabled");
      const plotted = element.closest(".bartext-inside, .heatmap-label, .slicetext");
      if (!idle && !plotted) readable(element, element instanceof SVGElement ? style(element).fill : style(element).color);
      if ((box.left < -1 || box.right > innerWidth + 1) && !scrolls(element)) tell("outside the window", element, `${box.left | 0}–${box.right | 0}`);
      if (place === root && box.bottom > bar.top + 1 && !element.closest("[style*=fixed]") && !inner(element, box)) tell("under the job bar", element);
      const held = element.closest("button, h1, h2, h3, th, legend, label") ?? element;
      const now = style(held);
      if (now.overflowX === "hidden" && now.display !== "inline" && held.scrollWidth > held.clientWidth + 1 && held.clientWidth > 0 && now.textOverflow !== "ellipsis" && !held.matches(".label-wrap")) tell("cut off", held, `${held.scrollWidth} in ${held.clientWidth}`);
    }
  });
  function inner(element, box) { // it stands in a box that scrolls by itself, and is out of its sight there
    for (let at = element; at && at !== root; at = at.parentElement) {
      if (["auto", "scroll"].includes(style(at).overflowY) && at.scrollHeight > at.clientHeight + 1) return at.getBoundingClientRect().bottom <= bar.top + 1 || box.top >= at.getBoundingClientRect().bottom;
    }
    return false;
  }
  // fields
  root.querySelectorAll("input, textarea, select, button, [role=button], [role=slider]").forEach((field) => {
    if (!shown(field) || field.type === "hidden" || field.closest("[aria-hidden=true]")) return;
    const by = (field.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("");
    const named = field.getAttribute("aria-label") || by || [...(field.labels ?? [])].map((label) => label.textContent).join("") || field.title || (field.tagName === "BUTTON" || field.getAttribute("role") === "button" ? field.textContent : "");
    if (!named.trim()) tell("without a name", field, field.outerHTML.slice(0, 140));
    if (field.placeholder && !field.value && field.matches("input, textarea")) {
      const ink = getComputedStyle(field, "::placeholder"), found = behind(field), front = colour(ink.color);
      front[3] *= parseFloat(ink.opacity) * found[1];
      const rate = contrast(over(front, found[0]), found[0]);
      if (rate < 4.5) tell(`contrast ${rate.toFixed(1)} of its placeholder`, field);
    }
    if (["INPUT", "TEXTAREA"].includes(field.tagName) && !["checkbox", "radio", "range", "file"].includes(field.type) && !field.disabled) readable(field, style(field).color);
  });
  document.scrollingElement.scrollTop = 0;
  return wrong;
}
