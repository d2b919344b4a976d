// The board on which rows are labelled. Text of the data only ever becomes textContent. Labels travel past the event queue, are painted
// before they are acknowledged, and wait in localStorage until they are.
const board = element.querySelector(".board"), words = JSON.parse(board.dataset.words);
const PENDING = "wb-labels", AHEAD = 5, FETCH = 15, SEEN = 10;
let job = null, queue = [], now = null, seen = [], armed = null, spans = [], anchor = null, flipped = false, done = 0, total = 0, asking = false;
const make = (tag, text, cls) => { const made = document.createElement(tag); if (text !== undefined) made.textContent = text; if (cls) made.className = cls; return made; };
const say = (key, more) => { const line = board.querySelector(".said"); if (line) line.textContent = (words[key] ?? key) + (more ?? ""); };
const pending = () => { try { return JSON.parse(localStorage.getItem(PENDING) ?? "[]"); } catch { return []; } };
const wait = (list) => localStorage.setItem(PENDING, JSON.stringify(list));
async function call(op, more) {
  const told = await server.call({ op, ...job, ...more });
  if (told && told.error) { say(told.error); throw new Error(told.error); }
  return told;
}
async function flush() { // every label that was not acknowledged yet; the same mark twice is one label
  for (const one of pending()) {
    try {
      const answer = await server.call(one);
      if (answer.error) say(answer.error); else { done = answer.done; tell(); say("saved", " " + new Date().toLocaleTimeString()); }
      wait(pending().filter((other) => other.client !== one.client));
      count();
    } catch { say("offline"); return; }
  }
}
setInterval(() => { if (pending().length) flush(); }, 3000);
let drawing = 0;
function tell() { // the history, where it lies open, follows once no key was pressed for a moment
  clearTimeout(drawing);
  drawing = setTimeout(() => { if (document.querySelector("#history-line")?.offsetParent) document.querySelector("#history-refresh")?.click(); }, 1200);
}
function count() { const line = board.querySelector(".count"); if (line) line.textContent = `${done} / ${total}`; const bar = board.querySelector(".bar i"); if (bar) bar.style.width = `${total ? Math.min(100, 100 * done / total) : 0}%`; }
async function fill() {
  if (asking || !job) return;
  asking = true;
  try {
    const skip = [...queue.map((item) => item.place), ...(now ? [now.place] : []), ...pending().map((one) => one.place), ...seen.map((item) => item.place)];
    const told = await call("next", { count: FETCH, skip });
    const known = new Set(skip);
    queue.push(...told.items.filter((item) => !known.has(item.place)));
    if (!now) step();
  } catch { /* said already */ } finally { asking = false; }
}
function step() { now = queue.shift() ?? null; armed = null; paint(); if (queue.length < AHEAD) fill(); }
function give(value) {
  if (!now) return;
  const mark = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  wait([...pending(), { op: "save", ...job, place: now.place, value, client: mark }]);
  now.mine = value;
  seen = [...seen.filter((item) => item.place !== now.place), now].slice(-SEEN);
  step();
  flush();
}
async function back() {
  await flush();
  const answer = await call("undo", {});
  done = answer.done; count(); tell();
  if (!answer.item) { say("nothing"); return; }
  if (now) queue.unshift(now);
  seen = seen.filter((item) => item.place !== answer.item.place);
  now = answer.item; paint(); say("undone");
}
function revisit(item) { if (now) queue.unshift(now); seen = seen.filter((other) => other !== item); now = item; paint(); }
const value = () => job.mode === "choice" ? null : job.mode === "write" ? { text: board.querySelector("textarea").value } : { spans };
function pick(number) {
  if (!now) return;
  if (job.mode === "better") { if (number < 2) give({ better: flipped ? 1 - number : number }); return; }
  const label = job.labels[number];
  if (label === undefined) return;
  if (job.mode === "choice") { give({ label }); return; }
  if (job.mode === "spans") { armed = label; if (anchor && anchor.length) cover(anchor[0], anchor[1]); else paintPieces(); }
}
function cover(start, end) { // mark these pieces; the same again takes the mark away
  const kind = job.mode === "spans" ? armed : "";
  anchor = [start, end];
  if (kind === null) { say("choose"); paintPieces(); return; }
  const same = spans.some((span) => span[0] === start && span[1] === end && span[2] === kind);
  spans = job.mode === "answer" ? [] : spans.filter((span) => span[1] <= start || span[0] >= end);
  if (!same) spans.push([start, end, kind]);
  anchor = null;
  paintPieces();
}
function paintPieces() {
  const box = board.querySelector(".pieces");
  if (!box) return;
  box.querySelectorAll("[data-piece]").forEach((piece) => {
    const place = Number(piece.dataset.piece), span = spans.find((one) => one[0] <= place && place < one[1]);
    piece.className = span ? `marked k${Math.max(0, job.labels.indexOf(span[2])) % 8}` : anchor && anchor[0] <= place && place < anchor[1] ? "chosen" : "";
    piece.dataset.kind = span && span[0] === place && span[2] ? span[2] : "";
  });
  board.querySelectorAll(".keys button").forEach((button) => button.setAttribute("aria-pressed", String(job.mode === "spans" && button.dataset.label === armed)));
}
function pieces(list, gaps) {
  const box = make("div", undefined, "pieces"), wide = /[^\u2e80-\u9fff\uac00-\ud7af\u3000-\u30ff\uff00-\uffef]$/;
  let from = null;
  list.forEach((text, place) => {
    const piece = make("span", text);
    piece.dataset.piece = place;
    box.append(piece);
    const gap = gaps ? gaps[place] : wide.test(text) ? " " : "";
    if (gap) box.append(gap);
  });
  const at = (event) => { const hit = event.target.closest && event.target.closest("[data-piece]"); return hit ? Number(hit.dataset.piece) : null; };
  box.addEventListener("pointerdown", (event) => { from = at(event); box.setPointerCapture && event.preventDefault(); board.focus(); });
  box.addEventListener("pointerup", (event) => {
    const hit = document.elementFromPoint(event.clientX, event.clientY), end = hit && hit.closest("[data-piece]") ? Number(hit.closest("[data-piece]").dataset.piece) : from;
    if (from === null || end === null) return;
    const inside = spans.find((span) => span[0] <= from && from < span[1]);
    if (inside && from === end) { spans = spans.filter((span) => span !== inside); paintPieces(); }
    else cover(Math.min(from, end), Math.max(from, end) + 1);
    from = null;
  });
  return box;
}
function keys() {
  const row = make("div", undefined, "keys");
  const names = job.mode === "better" ? [words.left, words.right] : job.mode === "choice" || job.mode === "spans" ? job.labels : [];
  names.forEach((name, number) => {
    const button = make("button", name);
    button.type = "button"; button.dataset.label = name; button.className = `k${number % 8}`;
    if (number < 30) button.prepend(make("kbd", (number < 10 ? "" : number < 20 ? "⇧" : "⇧⌥") + (number + 1) % 10));
    button.addEventListener("click", () => pick(number));
    row.append(button);
  });
  if (["spans", "answer", "write"].includes(job.mode)) row.append(press(words.save, "⏎", () => give(value()), "go"));
  row.append(press(words.skip, "→", () => { if (now) { seen = [...seen, now].slice(-SEEN); step(); } }), press(words.undo, "⌫", back));
  return row;
}
function press(text, key, fn, cls) { const button = make("button", text, cls ?? "plain-key"); button.type = "button"; button.prepend(make("kbd", key)); button.addEventListener("click", fn); return button; }
function body() {
  const box = make("div", undefined, "case");
  for (const [name, text] of now.parts) { const part = make("div", undefined, "part"); part.append(make("small", name), make("p", text)); box.append(part); }
  const last = now.mine ?? now.given;
  spans = last && last.spans ? last.spans.map((span) => [...span]) : []; anchor = null;
  if (now.pieces) box.append(pieces(now.pieces, now.gaps));
  if (now.text !== undefined) { const area = make("textarea"); area.value = last && last.text !== undefined ? last.text : now.text; area.rows = Math.min(14, 3 + area.value.length / 60); box.append(area); }
  if (now.sides) {
    flipped = Math.random() < 0.5;
    const pair = make("div", undefined, "sides");
    (flipped ? [...now.sides].reverse() : now.sides).forEach((text, number) => { const side = make("button", text, "side"); side.type = "button"; side.addEventListener("click", () => pick(number)); pair.append(side); });
    box.append(pair);
  }
  if (job.mode === "choice" && last && last.label) box.append(make("p", `${now.mine ? words.yours : words.given} ${last.label}`, "soft"));
  if (now.thought) { const line = make("p", `✨ ${now.thought.label} ${Math.round(100 * now.thought.sure)} % · ⏎`, "soft thought"); line.title = words.thought; box.append(line); }
  return box;
}
function paint() {
  board.replaceChildren();
  const top = make("div", undefined, "top");
  const bar = make("div", undefined, "bar"); bar.append(make("i"));
  top.append(make("span", job ? `${words.row} ${now ? now.place + 1 : "–"}` : ""), bar, make("span", "", "count"));
  board.append(top, now ? body() : make("p", words.end, "case"));
  if (now) { board.append(keys()); }
  const strip = make("div", undefined, "seen");
  seen.forEach((item) => { const chip = make("button", `${item.place + 1}${item.mine && item.mine.label ? " · " + item.mine.label : ""}`); chip.type = "button"; chip.addEventListener("click", () => revisit(item)); strip.append(chip); });
  const said = make("p", "", "said"); said.setAttribute("aria-live", "polite");
  board.append(strip, said);
  count(); paintPieces();
  if (!(now && now.text !== undefined)) board.focus({ preventScroll: true });
}
board.addEventListener("keydown", (event) => {
  if (!job || event.isComposing || event.keyCode === 229) return; // digits choose candidates while Chinese is typed
  const typing = event.target.closest("textarea,input");
  if (typing) { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); give(value()); } if (event.key === "Escape") board.focus(); return; }
  if (event.ctrlKey || event.metaKey) return;
  const digit = /^(Digit|Numpad)(\d)$/.exec(event.code);
  if (digit) { event.preventDefault(); pick((Number(digit[2]) + 9) % 10 + (event.shiftKey ? (event.altKey ? 20 : 10) : 0)); }
  else if (event.key === "Backspace") { event.preventDefault(); back(); }
  else if (event.key === "ArrowRight" && now) { seen = [...seen, now].slice(-SEEN); step(); }
  else if (event.key === "ArrowLeft" && seen.length) revisit(seen[seen.length - 1]);
  else if (event.key === "Enter" && !event.target.closest("button")) { if (job.mode === "choice") { if (now && now.thought) give({ label: now.thought.label }); } else if (now && job.mode !== "better") give(value()); }
  else return;
  event.stopPropagation();
});
window.addEventListener("wb-board", async (event) => {
  const [dataset, who, labels, order] = event.detail;
  job = { dataset, who, order, mode: "", labels: [], extra: labels };
  queue = []; now = null; seen = []; paint();
  try {
    const told = await call("open", {});
    job = { dataset, who, order, version: told.version, mode: told.mode, labels: told.labels, extra: labels };
    done = told.done; total = told.total;
    await flush();
    await fill();
    paint(); board.scrollIntoView({ block: "center" });
  } catch (error) { job = null; board.replaceChildren(make("p", error.message, "said bad")); }
});
