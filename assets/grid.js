// The rows of a dataset. Only the page that is seen is here; its text only ever becomes textContent.
const grid = element.querySelector(".grid"), words = JSON.parse(grid.dataset.words), PAGE = 50;
let name = "", columns = [], asked = {}, offset = 0, total = 0, turn = 0, shown = -1;
const make = (tag, text) => { const made = document.createElement(tag); if (text !== undefined) made.textContent = text; return made; };
const search = make("input"); search.type = "search"; search.placeholder = words.search; search.setAttribute("aria-label", words.search);
const count = make("span"), before = make("button", words.before), next = make("button", words.next), box = make("div"), top_ = make("div");
before.type = next.type = "button"; top_.className = "top"; box.className = "scroll"; box.tabIndex = 0;
const travel = make("button", words.history); travel.type = "button"; // edits stand there, and are saved as a version there
travel.addEventListener("click", () => { const fold = document.querySelector("#history > button"); if (!fold) return; if (!fold.classList.contains("open")) fold.click(); fold.scrollIntoView({ block: "start" }); });
top_.append(search, count, before, next, travel);
const visible = () => grid.offsetParent !== null;
async function rows() {
  const mine = ++turn, told = await server.call({ op: "page", dataset: name, offset, ...asked });
  if (mine !== turn) return;
  if (told.error) { grid.replaceChildren(make("p", told.error)); return; }
  total = told.total;
  count.textContent = total ? `${(offset + 1).toLocaleString()} – ${Math.min(total, offset + PAGE).toLocaleString()} / ${total.toLocaleString()} ${words.found}` : words.none;
  told_(false); before.disabled = offset === 0; next.disabled = offset + PAGE >= total;
  const body = box.querySelector("tbody");
  body.replaceChildren(...told.rows.map((cells, number) => { const row = make("tr"); row.append(make("td", (told.ids[number] + 1).toLocaleString()), ...cells.map((text, place) => cell(told.ids[number], columns[place], text))); if (told.places[number] === shown) row.className = "shown"; return row; }));
  box.scrollTop = 0;
  const here = body.querySelector(".shown");
  if (here) { box.scrollTop = here.offsetTop - box.clientHeight / 2; shown = -1; }
}
function cell(row, column, text) { // a double click or Enter opens it; Enter keeps what is written, Escape leaves it
  const made = make("td", text);
  made.tabIndex = 0; made.title = words.edit;
  const open_ = async () => {
    if (made.querySelector("textarea")) return;
    const told = await server.call({ op: "cell", dataset: name, row, column });
    const area = make("textarea"); area.value = told.text ?? text; const was = area.value; area.rows = Math.min(12, 2 + area.value.length / 50); area.setAttribute("aria-label", `${column} ${row + 1}`);
    made.replaceChildren(area); area.focus();
    let done = false;
    const end = async (keep) => {
      if (done) return; done = true;
      if (!keep || area.value === was) { made.textContent = text; return; }
      const answer = await server.call({ op: "edit", dataset: name, row, column, text: area.value, who: who() });
      if (answer.error) { count.textContent = answer.error; made.textContent = text; return; }
      text = answer.text; made.textContent = text; made.classList.add("edited"); changed();
    };
    area.addEventListener("keydown", (event) => { if (event.isComposing) return; event.stopPropagation(); if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); end(true); } else if (event.key === "Escape") { event.preventDefault(); end(false); made.focus(); } });
    area.addEventListener("blur", () => end(true));
  };
  made.addEventListener("dblclick", open_);
  made.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target === made) { event.preventDefault(); open_(); } });
  return made;
}
const who = () => { const field = document.querySelector("#label-who input, #label-who textarea"); return field ? field.value.trim() : ""; };
const changed = () => { const button = document.querySelector("#history-refresh"); if (button) button.click(); };
const label = make("input"), give = make("button"); give.type = "button"; label.placeholder = words.label; label.setAttribute("aria-label", words.label); label.maxLength = 200;
const giving = make("div"); giving.className = "give"; giving.append(label, give);
let sure = false; // without a filter every row would be labelled: only a second press does
const told_ = (now) => { sure = now; give.textContent = (now ? words.sure : words.give).replace("{n}", total.toLocaleString()); give.classList.toggle("sure", now); };
label.addEventListener("input", () => told_(false));
give.addEventListener("click", async () => {
  if (!label.value.trim()) { label.focus(); return; }
  if (!sure && !asked.search && !asked.column) { told_(true); return; }
  const told = await server.call({ op: "label", dataset: name, ...asked, text: label.value, who: who() });
  if (told.error) { count.textContent = told.error; return; }
  changed(); await open(name, asked); count.textContent = words.labelled.replace("{n}", told.done.toLocaleString());
});
window.addEventListener("wb-row", async (event) => { // a point of the map was chosen
  const fold = document.querySelector("#rows > button"); if (fold && !visible()) fold.click();
  shown = event.detail; asked = {}; search.value = ""; offset = Math.floor(shown / PAGE) * PAGE;
  if (!due && name) await rows(); grid.scrollIntoView({ block: "center" });
});
setInterval(() => { // a chart that was drawn anew has lost its listeners
  const plot = document.querySelector("#look-map .js-plotly-plot");
  if (plot && plot.on && plot.data && plot.wbData !== plot.data) { plot.wbData = plot.data; plot.on("plotly_click", (event) => { const place = event.points[0].customdata; if (typeof place === "number") window.dispatchEvent(new CustomEvent("wb-row", { detail: place })); }); }
}, 500);
function ask(more) { asked = { ...asked, ...more }; offset = 0; rows(); }
function chart(column, bars) {
  const line = make("div"), most = Math.max(1, ...bars.map((bar) => bar.rows));
  line.className = "bars";
  for (const bar of bars) {
    const button = make("button"), height = make("i");
    const range = bar.value !== null ? bar.value.trim() || words.empty : bar.low === null ? words.others : `${bar.low} – ${bar.high ?? "…"}`;
    button.type = "button"; button.title = `${range}: ${bar.rows.toLocaleString()}`; button.setAttribute("aria-label", `${column} ${button.title}`);
    height.style.height = `${bar.rows ? Math.max(6, 100 * bar.rows / most) : 0}%`;
    button.append(height);
    if (bar.value !== null || bar.low !== null) button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") === "true";
      box.querySelectorAll(".bars [aria-pressed=true]").forEach((other) => other.setAttribute("aria-pressed", "false"));
      button.setAttribute("aria-pressed", String(!on));
      ask(on ? { column: "", value: null, low: null, high: null } : { column, value: bar.value, low: bar.low, high: bar.high });
    });
    line.append(button);
  }
  return line;
}
async function open(dataset, same) {
  const jump = shown >= 0 ? Math.floor(shown / PAGE) * PAGE : 0;
  name = dataset; asked = same ?? {}; offset = jump; if (!same) search.value = "";
  const told = await server.call({ op: "charts", dataset });
  if (told.error || name !== dataset) { if (told.error) grid.replaceChildren(make("p", told.error)); return; }
  const table = make("table"), line = make("tr");
  columns = told.columns;
  line.append(make("th", "#"));
  told.columns.forEach((column, number) => {
    const cell = make("th"), sort = make("button", column);
    cell.scope = "col"; sort.type = "button";
    sort.addEventListener("click", () => { const down = asked.sort === column && !asked.down; const off = asked.sort === column && asked.down; box.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort")); if (!off) cell.setAttribute("aria-sort", down ? "descending" : "ascending"); ask({ sort: off ? "" : column, down }); });
    cell.append(chart(column, told.charts[number]), sort);
    line.append(cell);
  });
  const head_ = make("thead"); head_.append(line);
  table.append(head_, make("tbody"));
  box.replaceChildren(table);
  grid.replaceChildren(top_, ...(told.labels ? [giving] : []), box);
  await rows();
}
let wait = null;
search.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(() => ask({ search: search.value.trim() }), 250); });
before.addEventListener("click", () => { offset = Math.max(0, offset - PAGE); rows(); });
next.addEventListener("click", () => { offset += PAGE; rows(); });
let chosen = window.wbRows || "", due = true; // what is chosen above, and whether the grid does not show it yet
window.addEventListener("wb-rows", (event) => { chosen = event.detail || ""; due = true; });
setInterval(() => { if (due && chosen && visible()) { due = false; open(chosen); } }, 150); // drawn only where it is seen
