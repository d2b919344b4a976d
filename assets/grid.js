// The rows of a dataset. Only the page that is seen is here; its text only ever becomes textContent.
const grid = element.querySelector(".grid"), words = JSON.parse(grid.dataset.words), PAGE = 50;
let name = "", head = null, asked = {}, offset = 0, total = 0, turn = 0;
const make = (tag, text) => { const made = document.createElement(tag); if (text !== undefined) made.textContent = text; return made; };
const search = make("input"); search.type = "search"; search.placeholder = words.search; search.setAttribute("aria-label", words.search);
const count = make("span"), before = make("button", words.before), next = make("button", words.next), box = make("div"), top_ = make("div");
before.type = next.type = "button"; top_.className = "top"; box.className = "scroll"; box.tabIndex = 0;
top_.append(search, count, before, next);
const visible = () => grid.offsetParent !== null;
async function rows() {
  const mine = ++turn, told = await server.call({ op: "page", dataset: name, offset, ...asked });
  if (mine !== turn) return;
  if (told.error) { grid.replaceChildren(make("p", told.error)); return; }
  total = told.total;
  count.textContent = total ? `${(offset + 1).toLocaleString()} – ${Math.min(total, offset + PAGE).toLocaleString()} / ${total.toLocaleString()} ${words.found}` : words.none;
  before.disabled = offset === 0; next.disabled = offset + PAGE >= total;
  const body = box.querySelector("tbody");
  body.replaceChildren(...told.rows.map((cells, number) => { const row = make("tr"); row.append(make("td", (told.places[number] + 1).toLocaleString()), ...cells.map((text) => make("td", text))); return row; }));
  box.scrollTop = 0;
}
function ask(more) { asked = { ...asked, ...more }; offset = 0; rows(); }
function chart(column, bars) {
  const line = make("div"), most = Math.max(1, ...bars.map((bar) => bar.rows));
  line.className = "bars";
  for (const bar of bars) {
    const button = make("button"), height = make("i");
    const range = bar.value !== null ? bar.value || words.empty : bar.low === null ? "…" : `${bar.low} – ${bar.high ?? "…"}`;
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
async function open(dataset) {
  name = dataset; asked = {}; offset = 0; search.value = "";
  const told = await server.call({ op: "charts", dataset });
  if (told.error || name !== dataset) { if (told.error) grid.replaceChildren(make("p", told.error)); return; }
  const table = make("table"), line = make("tr");
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
  grid.replaceChildren(top_, box);
  await rows();
}
let wait = null;
search.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(() => ask({ search: search.value.trim() }), 250); });
before.addEventListener("click", () => { offset = Math.max(0, offset - PAGE); rows(); });
next.addEventListener("click", () => { offset += PAGE; rows(); });
let chosen = window.wbRows || "", due = true; // what is chosen above, and whether the grid does not show it yet
window.addEventListener("wb-rows", (event) => { chosen = event.detail || ""; due = true; });
setInterval(() => { if (due && chosen && visible()) { due = false; open(chosen); } }, 150); // drawn only where it is seen
