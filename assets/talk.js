// The playground: conversations with one model or several side by side. Text of people and models only ever becomes textContent.
const root = element.querySelector(".talk"), words = JSON.parse(root.dataset.words), lang = document.documentElement.lang;
const EVERY = 120;
const KNOBS = [ // name, lowest, highest, step, usual
  ["temperature", 0, 2, 0.05, 0], ["top_p", 0, 1, 0.05, 1], ["top_k", 0, 1000, 1, 0], ["min_p", 0, 1, 0.01, 0], ["repetition_penalty", 0.5, 3, 0.05, 1],
  ["presence_penalty", -2, 2, 0.1, 0], ["frequency_penalty", -2, 2, 0.1, 0], ["max_tokens", 1, 100000, 1, 128],
];
let place = null, seen = null, have = {}, timer = null, marks = localStorage.getItem("wb-likely") === "1", open = false, busy = false;
const make = (tag, text, cls) => { const made = document.createElement(tag); if (text !== undefined && text !== null) made.textContent = text; if (cls) made.className = cls; return made; };
const press = (text, title, work, cls) => { const made = make("button", text, cls); made.type = "button"; made.title = title; made.setAttribute("aria-label", title); made.addEventListener("click", work); return made; };
const SHAPES = { // drawn, because not every machine has a font with these signs
  good: "M2 8h3v7H2zM6 8l3-6c1.300 0 2 1 1.700 2.300L10.200 6.500H14c.8 0 1.200.7 1 1.400l-1.600 6c-.2.700-.7 1.100-1.400 1.100H6z",
  copy: "M5 5h8v9H5zM3 11V2h8v1.500H4.500V11z", pen: "M2 14l.8-3.400L10.600 2.800l2.600 2.600-7.800 7.800z", again: "M8 3a5 5 0 1 0 4.900 6h-1.600A3.500 3.500 0 1 1 8 4.500c1 0 1.800.4 2.500 1L8.500 7.500H14V2l-2.300 2.300A5 5 0 0 0 8 3z",
};
function sign(name, title, work, cls) {
  const button = press("", title, work, cls), svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 16 16"); svg.setAttribute("aria-hidden", "true"); line.setAttribute("d", SHAPES[name === "bad" ? "good" : name]);
  if (name === "bad") line.setAttribute("transform", "rotate(180 8 8)");
  svg.append(line); button.append(svg);
  return button;
}
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const named = (model) => { const [run, step] = model.split("@step-"); const who = model === "base" ? words.base : run === place.run ? words.tuned : run; return step ? `${who} · ${fill(words.step, { n: step })}` : who; };
// the frame: what stays while answers come and go
const picker = make("select"), bar = make("div", undefined, "talk-bar"), panes = make("div", undefined, "talk-panes"), note = make("p", undefined, "talk-note");
const foot = make("div", undefined, "talk-foot"), box = make("textarea"), meter = make("div", undefined, "talk-meter"), fold = make("details", undefined, "talk-fold");
note.setAttribute("aria-live", "polite");
picker.setAttribute("aria-label", words.new);
box.rows = 2; box.placeholder = words.say; box.setAttribute("aria-label", words.say);
const wrap = make("div"); wrap.id = "chat-text"; wrap.append(box);
const send = press(words.send, words.send, () => ask(), "go"), halt = press(words.stop, words.stop, () => call("stop"), "halt");
send.id = "chat-send"; halt.id = "chat-stop"; halt.hidden = true;
const fresh = press(words.new, words.new, async () => { if (!seen) return; const told = await call("new"); if (told) await enter(told.id); }, "quiet");
fresh.id = "chat-new"; picker.id = "chat-list";
foot.append(wrap, send, halt);
root.replaceChildren(bar, panes, note, foot, meter, fold);
bar.append(picker, fresh);
const say = (text, bad) => { note.textContent = text ?? ""; note.className = bad ? "talk-note bad" : "talk-note"; };
async function call(op, more) {
  let told;
  try { told = await server.call({ op, id: seen && seen.id, lang, ...more }); } catch { say(words.interrupted, true); return null; }
  if (told && told.error) { say(told.error, true); return null; }
  return told;
}
async function change(op, more) {
  if (busy) return null;
  busy = true;
  const told = await call(op, more);
  busy = false;
  if (told) { say(""); show(told); }
  return told;
}
async function ask() {
  const text = box.value;
  if (!text.trim() || !seen || !send.offsetParent) return;
  await keep();
  if (await change("send", { text })) { box.value = ""; size(); }
}
function size() { box.style.height = "auto"; box.style.height = `${Math.min(220, box.scrollHeight + 2)}px`; }
box.addEventListener("input", size);
box.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) return; // Enter chooses a candidate while Chinese is typed
  if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); ask(); }
});
// one message
function tokens(list, into) { // a span per token, with how likely it was
  for (const [text, share, tops] of list) {
    if (!text) continue;
    const piece = make("span", text, "p" + (share >= 0.9 ? 4 : share >= 0.6 ? 3 : share >= 0.3 ? 2 : share >= 0.1 ? 1 : 0));
    piece.title = [`${(100 * share).toFixed(1)} %`, ...tops.map(([other, chance]) => `${JSON.stringify(other)} ${(100 * chance).toFixed(1)} %`)].join("\n");
    into.append(piece);
  }
}
function message(pane, item) {
  const bot = item.role === "assistant", line = make("div", undefined, `said ${bot ? "bot" : "user"}`), text = make("div", undefined, "words");
  line.dataset.node = item.id;
  const spoken = (item.tokens ?? []).map((token) => token[0]).join("");
  if (bot && !item.edited && item.text.startsWith(spoken) && spoken) { tokens(item.tokens, text); text.append(item.text.slice(spoken.length)); }
  else text.textContent = item.edited || item.text;
  line.append(text);
  if (item.edited) line.append(make("small", words.mended));
  if (bot && item.reason === "length") line.append(make("small", "…"));
  line.append(tools(pane, item, bot, line, text));
  return line;
}
function tools(pane, item, bot, line, text) {
  const row = make("div", undefined, "tools"), at = { model: pane.model, node: item.id };
  if (item.branches.length > 1) {
    const go = (by) => () => change("pick", { ...at, node: item.branches[item.branch + by] });
    const back = press("‹", words.before, go(-1)), on = press("›", words.next, go(1));
    back.disabled = item.branch === 0; on.disabled = item.branch === item.branches.length - 1;
    row.append(back, make("span", `${item.branch + 1}/${item.branches.length}`, "branch"), on);
  }
  if (bot) {
    const good = sign("good", words.good, () => change("judge", { ...at, vote: item.vote === 1 ? 0 : 1 }), "good"), bad = sign("bad", words.bad, () => change("judge", { ...at, vote: item.vote === -1 ? 0 : -1 }), "bad");
    good.setAttribute("aria-pressed", String(item.vote === 1)); bad.setAttribute("aria-pressed", String(item.vote === -1));
    row.append(good, bad, sign("pen", words.mend, () => write(line, words.mend, item.edited || item.text, (value) => change("judge", { ...at, text: value })), "mend"), sign("again", words.again, () => change("again", at), "again"));
  } else row.append(sign("pen", words.edit, () => write(line, words.edit, item.text, (value) => change("edit", { ...at, text: value })), "edit"));
  row.append(sign("copy", words.copy, async () => { try { await navigator.clipboard.writeText(item.edited || item.text); say(words.copied); } catch { /* not allowed here */ } }));
  return row;
}
function write(line, name, value, done) { // a message becomes a box until it is saved
  const field = make("textarea"), row = make("div", undefined, "tools");
  field.value = value; field.rows = Math.min(10, Math.max(2, value.split("\n").length)); field.setAttribute("aria-label", name);
  row.append(press(words.save, words.save, () => done(field.value), "save"), press(words.cancel, words.cancel, () => paint(), "quiet"));
  line.replaceChildren(field, row); field.focus();
}
// the panes
function show(told) {
  seen = told; have = {};
  paint();
  if (told.panes.some((pane) => pane.live)) follow(); else rest();
}
function paint() {
  root.classList.toggle("likely", marks);
  panes.style.gridTemplateColumns = `repeat(${seen.panes.length}, minmax(0, 1fr))`;
  panes.replaceChildren(...seen.panes.map((pane) => {
    const column = make("div", undefined, "talk-pane"), list = make("div", undefined, "talk-list");
    column.id = pane.model === "base" ? "chat-base" : pane.model === place.run ? "chat-tuned" : `chat-${pane.model.replace(/\W/g, "-")}`;
    column.append(make("h3", named(pane.model)), list);
    pane.path.forEach((item) => list.append(message(pane, item)));
    if (!pane.path.length && !pane.live) list.append(make("p", seen.mode === "complete" ? words.complete : words.empty, "hint"));
    if (pane.live) { const live = make("div", undefined, "said bot live"); live.append(make("div", undefined, "words"), make("small", words.loading)); list.append(live); }
    if (pane.error) list.append(make("p", pane.error, "talk-note bad"));
    column.listed = list;
    return column;
  }));
  panes.querySelectorAll(".talk-list").forEach((list) => { list.scrollTop = list.scrollHeight; });
  gauge(); settings(); judged();
  const item = picker.querySelector(`option[value="${seen.id}"]`);
  if (item && seen.title) item.textContent = seen.title;
}
function gauge() { // tokens of the longest pane, of what the model can look at
  const used = Math.max(0, ...seen.panes.map((pane) => { const last = pane.path.filter((item) => item.used && item.used.total_tokens).pop(); return last ? last.used.total_tokens : 0; }));
  meter.replaceChildren();
  if (!used || !place.context) return;
  const line = make("i"); line.style.width = `${Math.min(100, 100 * used / place.context)}%`;
  const track = make("div", undefined, "track"); track.append(line); track.classList.toggle("full", used > 0.85 * place.context);
  meter.append(track, make("small", fill(words.context, { used, all: place.context })));
}
function judged() { window.dispatchEvent(new CustomEvent("wb-judged", { detail: seen.judged })); root.dataset.judged = `${seen.judged.chat} ${seen.judged.preference}`; bar.querySelector(".judged")?.remove(); if (seen.judged.chat || seen.judged.preference) bar.append(make("small", fill(words.judged, { examples: seen.judged.chat, pairs: seen.judged.preference }), "judged")); }
function follow() {
  send.hidden = true; halt.hidden = false;
  clearTimeout(timer); timer = setTimeout(look, EVERY);
}
function rest() { clearTimeout(timer); timer = null; send.hidden = false; halt.hidden = true; }
async function look() { // what is new of the answers on their way
  const id = seen.id, told = await call("poll", { have });
  if (seen.id !== id) return;
  if (!told) { timer = setTimeout(look, 1000); return; }
  for (const [model, live] of Object.entries(told.live)) {
    const column = [...panes.children][seen.panes.findIndex((pane) => pane.model === model)], line = column && column.querySelector(".live");
    if (!line || live.from !== (have[model] ?? 0)) continue;
    const list = column.listed, low = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    tokens(live.tokens, line.querySelector(".words"));
    have[model] = live.from + live.tokens.length;
    line.querySelector("small").textContent = live.away ? fill(words.away, { run: live.away }) : live.place ? fill(words.waits, { n: live.place }) : have[model] ? "" : words.loading;
    if (low) list.scrollTop = list.scrollHeight;
  }
  if (told.running) { timer = setTimeout(look, EVERY); return; }
  const whole = await call("look");
  if (whole) show(whole); else rest();
}
// the fold: models, system prompt, knobs, export
const fields = {};
function settings() {
  if (fold.dataset.id === seen.id && fold.childElementCount) return;
  fold.dataset.id = seen.id;
  const body = make("div", undefined, "talk-settings"), who = make("fieldset"), grid = make("div", undefined, "knobs");
  who.append(make("legend", words.answer_with));
  place.models.forEach((model) => { const label = make("label"), tick = make("input"); tick.type = "checkbox"; tick.value = model; tick.checked = seen.shown.includes(model); tick.addEventListener("change", () => keep(true)); label.append(tick, named(model)); who.append(label); });
  fields.who = who;
  fields.system = make("textarea"); fields.system.rows = 2; fields.system.value = seen.system; fields.system.addEventListener("change", () => keep());
  const system = make("label", words.system); system.append(fields.system); system.id = "chat-system";
  KNOBS.forEach(([name, low, high, step, usual]) => { const field = number(low, high, step); field.value = seen.how[name] ?? usual; fields[name] = field; grid.append(row(words[name], field, name)); });
  fields.seed = number(undefined, undefined, 1); fields.seed.placeholder = words.seed_any; fields.seed.value = seen.how.seed ?? ""; grid.append(row(words.seed, fields.seed, "seed"));
  fields.stop = make("input"); fields.stop.type = "text"; fields.stop.value = (seen.how.stop ?? []).join(" | "); fields.stop.addEventListener("change", () => keep()); grid.append(row(words.stops, fields.stop, "stops"));
  const tick = make("input"), likely = make("label"); tick.type = "checkbox"; tick.checked = marks; likely.id = "chat-likely"; likely.title = words.likely_help;
  tick.addEventListener("change", () => { marks = tick.checked; localStorage.setItem("wb-likely", marks ? "1" : "0"); root.classList.toggle("likely", marks); });
  likely.append(tick, words.likely);
  const out = make("div", undefined, "tools wide");
  out.append(press(words.export + " JSONL", words.export + " JSONL", () => take("jsonl"), "quiet"), press(words.export + " Markdown", words.export + " Markdown", () => take("markdown"), "quiet"), press(words.delete, words.delete, drop, "quiet drop"));
  body.append(who, ...(seen.mode === "chat" ? [system] : []), grid, likely, out);
  fold.replaceChildren(make("summary", words.settings), body);
}
const number = (low, high, step) => { const made = make("input"); made.type = "number"; if (low !== undefined) { made.min = low; made.max = high; } made.step = step; made.addEventListener("change", () => keep()); return made; };
const row = (text, field, name) => { const made = make("label", text); made.id = `chat-${name}`; made.append(field); return made; };
async function keep(models) { // what is set counts for the next answer
  if (!seen || !fields.who) return;
  const how = {};
  KNOBS.forEach(([name, low, high]) => { const value = Number(fields[name].value); if (fields[name].value !== "" && Number.isFinite(value)) how[name] = Math.min(high, Math.max(low, value)); });
  if (fields.seed.value !== "") how.seed = Math.trunc(Number(fields.seed.value));
  if (fields.stop.value.trim()) how.stop = fields.stop.value.split("|").map((text) => text.trim()).filter(Boolean);
  const shown = [...fields.who.querySelectorAll("input:checked")].map((tick) => tick.value);
  const told = await call("set", { how, system: fields.system.value, ...(models ? { shown } : {}) });
  if (told && models) { if (told.shown.length !== shown.length) fold.dataset.id = ""; show(told); } else if (told) { seen.how = told.how; seen.system = told.system; }
}
async function take(form) {
  const told = await call("export", { form });
  if (!told) return;
  const link = make("a"); link.href = URL.createObjectURL(new Blob([told.text], { type: "text/plain;charset=utf-8" })); link.download = told.name; link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 4000);
}
async function drop(event) {
  const button = event.currentTarget;
  if (button.textContent !== words.sure) { button.textContent = words.sure; setTimeout(() => { button.textContent = words.delete; }, 4000); return; }
  if (await call("delete")) start(place.run);
}
async function enter(id) {
  const told = await call("look", { id });
  if (!told) return;
  say(""); fold.dataset.id = "";
  if (![...picker.options].some((item) => item.value === id)) { const item = make("option", words.new); item.value = id; picker.prepend(item); }
  picker.value = id; show(told);
}
picker.addEventListener("change", () => enter(picker.value));
async function start(run) {
  seen = null;
  const told = await call("open", { run, id: "" });
  root.hidden = Boolean(told) && !told.mode; // what went wrong is said on the board
  if (!told || !told.mode) return;
  place = told;
  send.textContent = told.mode === "complete" ? words.complete : words.send;
  picker.replaceChildren(...told.talks.map((item) => { const made = make("option", item.title || words.new); made.value = item.id; return made; }));
  await enter(told.talks[0].id);
}
const visible = () => element.offsetParent !== null;
let chosen = window.wbTalk ?? "", due = Boolean(chosen);
window.addEventListener("wb-talk", (event) => { if (event.detail !== chosen || !seen) { chosen = event.detail || ""; due = true; } });
setInterval(() => { if (due && chosen && visible()) { due = false; start(chosen); } }, 150); // opened only where it is seen
