// The guests' page. What people and models say only ever becomes text. The conversation lives in this browser tab and nowhere else.
(function () {
  const words = JSON.parse(document.body.dataset.words || "null");
  if (!words) return;
  const chat = document.getElementById("chat"), runs = document.getElementById("runs"), zh = document.documentElement.lang === "zh";
  const make = (tag, text, cls) => { const made = document.createElement(tag); if (text !== undefined && text !== null) made.textContent = text; if (cls) made.className = cls; return made; };
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const sentence = (error) => (error && (zh ? error.zh : error.en)) || words.broken;
  const lines = make("div", undefined, "lines"), note = make("p", words.note, "note"), state = make("p", "", "state"), form = make("form"), foot = make("div", undefined, "foot");
  lines.setAttribute("aria-live", "polite"); state.setAttribute("role", "status");
  const send = make("button", words.send, "go"), halt = make("button", words.stop), fresh = make("button", words.new, "quiet");
  halt.type = fresh.type = "button"; halt.hidden = true;
  let about = null, boxes = [], talk = [], stopping = null, began = 0;
  const drawer = () => "guest-talk " + about.link; // several links can have one address, one after the other
  const keep = () => sessionStorage.setItem(drawer(), JSON.stringify(talk));
  const kept = () => { try { return JSON.parse(sessionStorage.getItem(drawer()) || "[]"); } catch { return []; } };
  const line = (role, text) => { const made = make("div", undefined, "line " + role); made.append(make("b", role === "user" ? words.you : words.model), make("div", text, "said")); lines.append(made); return made.lastChild; };
  const draw = () => { lines.replaceChildren(); talk.forEach((each) => line(each.role, each.content)); };
  const page = document.documentElement, follows = () => page.scrollHeight - page.scrollTop - page.clientHeight < 120;
  const down = () => { page.scrollTop = page.scrollHeight; }; // the box to write in covers the foot of the page: to show an answer is to go to the very end
  const busy = (on) => { send.hidden = on; halt.hidden = !on; fresh.hidden = on; boxes.forEach((box) => { box.readOnly = on; }); };
  const over = () => { state.textContent = words.gone; state.className = "state bad"; if (form.contains(state)) chat.append(state); form.hidden = true; };
  const LOOK = 30_000; // milliseconds
  async function ask(path, body) {
    stopping = new AbortController();
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: stopping.signal });
    if (answer.status === 401 || answer.status === 403) { over(); throw null; }
    if (!answer.ok) { let told = null; try { told = (await answer.json()).error; } catch { told = null; } throw sentence(told); }
    return answer;
  }
  async function pieces(answer, heard) {
    const reader = answer.body.getReader(), decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const parts = rest.split("\n\n");
      rest = parts.pop();
      for (const part of parts) if (part.startsWith("data: ")) heard(JSON.parse(part.slice(6)));
    }
  }
  async function say() {
    const text = boxes[0].value.trim();
    if (!text) return;
    talk.push({ role: "user", content: boxes[0].value }); boxes[0].value = ""; draw();
    const place = line("assistant", "");
    down();
    lines.lastChild.classList.add("writing");
    let told = "", failed = null, ended = "";
    try {
      await pieces(await ask("chat", { messages: talk }), (event) => {
        if (event.loading) state.textContent = words.loading;
        if (event.place > 1) state.textContent = fill(words.place, { n: event.place });
        if (event.text) { state.textContent = ""; const near = follows(); told += event.text; place.textContent = told; if (near) down(); }
        if (event.end) ended = event.end;
        if (event.error) failed = sentence(event.error);
      });
    } catch (error) { failed = error && error.name === "AbortError" ? "" : typeof error === "string" ? error : error === null ? null : words.broken; if (error === null) { talk.pop(); keep(); draw(); return; } }
    if (told) talk.push({ role: "assistant", content: told }); else boxes[0].value = talk.pop().content;
    const near = follows();
    keep(); draw();
    state.textContent = failed || (failed === "" ? words.stopped : ended === "length" ? words.cut : told ? "" : words.empty); state.className = failed ? "state bad" : "state";
    if (near) down();
    boxes[0].focus({ preventScroll: true });
  }
  async function attempt() {
    const fields = Object.fromEntries(boxes.map((box) => [box.name, box.value]));
    state.textContent = words.loading; lines.replaceChildren();
    try {
      const told = await (await ask("try", { fields })).json();
      state.textContent = "";
      const shares = Object.entries(told.shares || {}).sort((a, b) => b[1] - a[1]);
      if (!shares.length) line("assistant", told.text);
      for (const [label, share] of shares) {
        const bar = make("div", undefined, "bar"), inner = make("i");
        inner.style.width = `${100 * share}%`; bar.append(inner);
        const row = make("div", undefined, "share"); row.append(make("span", label), bar, make("b", `${(100 * share).toFixed(1)} %`)); lines.append(row);
      }
    } catch (error) { if (error !== null) { state.textContent = typeof error === "string" ? error : error.name === "AbortError" ? "" : words.broken; state.className = "state bad"; } }
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault(); if (send.hidden) return;
    busy(true); began = Date.now(); state.className = "state"; state.textContent = "";
    try { await (about.mode ? say() : attempt()); } finally { busy(false); }
  });
  halt.addEventListener("click", () => { if (stopping && Date.now() - began > 700) stopping.abort(); }); // the second click of two is none
  fresh.addEventListener("click", () => { talk = []; keep(); draw(); state.textContent = ""; });
  function layout() {
    const asked = about.mode ? [{ name: "text", label: words.say }] : about.fields;
    boxes = asked.map((field) => { const box = make("textarea"); box.name = field.name; box.rows = about.mode ? 2 : 3; box.placeholder = field.label; box.setAttribute("aria-label", field.label); box.maxLength = about.limits.characters; return box; });
    boxes.forEach((box) => box.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); } }));
    foot.append(send, halt, ...(about.mode ? [fresh] : []));
    boxes.forEach((box) => box.addEventListener("input", () => { if (box.value.length >= box.maxLength) { state.textContent = fill(words.full, { n: box.maxLength }); state.className = "state"; } }));
    form.append(state, ...boxes, foot);
    chat.append(note, lines, form);
    draw();
    document.getElementById("about").textContent = `${about.run} · ${fill(words.ends, { time: new Date(about.until * 1000).toLocaleString(zh ? "zh-CN" : "en-GB", { dateStyle: "short", timeStyle: "short" }) })}`;
    boxes[0].focus({ preventScroll: true });
    if (talk.length) down();
    setInterval(look, LOOK);
  }
  async function look() { // whether the link is still there, while nobody asks; and we are
    if (document.hidden || form.hidden || send.hidden) return;
    try { const answer = await fetch("about"); if (answer.status === 401 || answer.status === 403) over(); }
    catch { if (!send.hidden) { state.textContent = words.broken; state.className = "state bad"; } }
  }
  // runs to look at
  const looked = async (path) => { const answer = await fetch(path); if (answer.status === 401 || answer.status === 403) { over(); show("chat"); } return answer.ok ? answer.json() : null; };
  async function list() {
    const found = await looked("runs"), side = make("div", undefined, "list"), main = make("div", undefined, "one");
    runs.replaceChildren(side, main);
    (found || []).forEach((run) => {
      const row = make("button", undefined, "run"); row.type = "button";
      row.append(make("b", run.id), make("small", `${run.task} · ${run.method} · ${run.status}`));
      row.addEventListener("click", () => { side.querySelectorAll("[aria-current]").forEach((each) => each.removeAttribute("aria-current")); row.setAttribute("aria-current", "true"); one(run.id, main); });
      side.append(row);
    });
    if (side.firstChild) side.firstChild.click();
  }
  async function one(id, main) {
    const told = await looked("runs/" + encodeURIComponent(id));
    if (!told) return;
    const table = make("table"), head = make("tr");
    ["metric", "before", "after"].forEach((name) => head.append(make("th", words[name])));
    table.append(head);
    told.metrics.forEach((each) => { const row = make("tr"); row.append(make("td", each.name), make("td", number(each.before)), make("td", number(each.after))); table.append(row); });
    const picture = make("div", undefined, "curve");
    main.replaceChildren(make("h2", told.task), told.metrics.length ? table : make("p", words.none, "note"), picture);
    if (told.curve && window.Plotly) window.Plotly.newPlot(picture, told.curve.data, told.curve.layout, { displayModeBar: false, responsive: true });
  }
  const number = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : "–");
  function show(name) {
    chat.hidden = name !== "chat"; runs.hidden = name !== "runs";
    for (const each of ["chat", "runs"]) { const button = document.getElementById("to-" + each); if (button) { if (each === name) button.setAttribute("aria-current", "page"); else button.removeAttribute("aria-current"); } }
    if (name === "runs") list();
  }
  for (const each of ["chat", "runs"]) { const button = document.getElementById("to-" + each); if (button) button.addEventListener("click", () => show(each)); }
  fetch("about").then(async (answer) => { if (!answer.ok) { chat.append(state); over(); return; } about = await answer.json(); talk = kept(); layout(); });
})();
