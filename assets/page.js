// Moving between the pages of the rail, the colour theme, and the keyboard. No data passes through here.
(function () {
  const PAGES = ["learn", "data", "model", "train", "runs", "evaluate", "chat"];
  document.documentElement.lang = location.pathname.startsWith("/zh") ? "zh" : "en";
  const wanted = () => { const h = location.hash.replace("#", ""); return PAGES.includes(h) ? h : "learn"; };
  const seen = (button) => { // on a phone the rail is a line that is wider than the screen
    const line = button.parentElement;
    line.scrollLeft = button.offsetLeft - line.offsetLeft - (line.clientWidth - button.offsetWidth) / 2;
  };
  function show() {
    const page = wanted();
    if (document.body.dataset.page !== page) window.wbSettled = Date.now() + 5000; // from when on what is chosen on a page stays
    document.body.dataset.page = page;
    document.querySelectorAll("#rail [data-go]").forEach((b) => {
      if (b.dataset.go === page) { b.setAttribute("aria-current", "page"); seen(b); } else b.removeAttribute("aria-current");
    });
    document.querySelectorAll("#lang a").forEach((a) => { a.hash = page; });
    window.dispatchEvent(new Event("resize")); // a chart drawn while hidden takes its width now
  }
  let drawn = -1, waiting = null; // the pulse at which the form of the Train page was last drawn; the pulse somebody waits for
  window.wbGo = (page) => { waiting = null; if (location.hash !== "#" + page) location.hash = page; show(); window.scrollTo(0, 0); };
  window.wbDrawn = (mark) => { drawn = Number(mark.split(" ")[0]); if (waiting !== null && drawn >= waiting) window.wbGo("train"); };
  window.wbTrain = (pulse) => { // only once its form shows what was chosen, so that nothing typed there is overwritten
    if (drawn >= pulse) { window.wbGo("train"); return; }
    waiting = pulse;
    setTimeout(() => { if (waiting === pulse) window.wbGo("train"); }, 20000);
  };
  // What the page was told last, what it has not been handed yet, and when it was told that something goes on. The question is a plain
  // request, and its clock is not one of Gradio's: each event of Gradio's looks through the whole page for everything events ever touched.
  let told = [], fresh = [], asking = false, beaten = 0, started = "";
  const STEADY = [1, 3]; // beat and aside: to draw costs more than to ask
  async function ask() { // nobody looks at a hidden page
    const button = document.getElementById("news");
    if (asking || document.hidden || !button) return;
    asking = true;
    try {
      const answer = await fetch("news");
      if (answer.status === 401) { location.reload(); return; } // logged out: there is a page for that
      if (!answer.ok) return;
      const now = await answer.json(), by = answer.headers.get("x-started");
      if (started && by !== started) { location.reload(); return; } // another process, while this page was hidden
      started = by;
      const early = Date.now() - beaten < 2000 && now[0] === told[0];
      fresh = now.map((each, place) => each === told[place] || (early && STEADY.includes(place)) ? undefined : each);
    } catch { fresh = told[0] === "?" ? [] : ["?"]; } // the workbench is gone: an event of Gradio's finds that out, says so, and waits for it
    finally { asking = false; }
    if (fresh.some((each) => each !== undefined)) button.click();
  }
  window.wbFresh = () => { // mark, beat, job bar and aside, where they changed
    const given = fresh;
    fresh = [];
    if (STEADY.some((place) => given[place] !== undefined)) beaten = Date.now();
    given.forEach((each, place) => { if (each !== undefined) told[place] = each; });
    return given;
  };
  // When a list grows at its top, the browser's dot stays at its place while the chosen value is another row's: the dot follows.
  const dots = () => document.querySelectorAll("fieldset label:has(> input[type=radio])").forEach((label) => {
    const dot = label.querySelector("input"), chosen = label.classList.contains("selected");
    if (dot.checked !== chosen) dot.checked = chosen;
  });
  setInterval(() => { dots(); ask(); }, 1000);
  document.addEventListener("visibilitychange", ask);
  window.wbSeek = (id, block, tries = 40) => setTimeout(() => { // into view, as soon as it is there to be seen
    const found = document.getElementById(id);
    if (!found || !found.offsetParent) { if (tries) window.wbSeek(id, block, tries - 1); return; }
    found.scrollIntoView({ block });
    const place = found.getBoundingClientRect().top, at = window.scrollY;
    setTimeout(() => { // what came late above it moved it, and nobody has scrolled since
      if (found.getBoundingClientRect().top !== place && window.scrollY === at) found.scrollIntoView({ block });
    }, 1000);
  }, tries === 40 ? 300 : 100);
  window.wbLabOpen = (kind) => { if (kind) { window.wbLab(kind, [], []); window.wbSeek("lab", "start"); } };
  // Gradio shows a lab an instant before it listens to it. What is pressed in between waits, and is pressed again.
  let awake = "";
  const asleep = () => { const lab = document.querySelector("#lab h2[data-shown]"); return Boolean(lab) && lab.dataset.shown !== awake; };
  window.wbAwake = (kind) => { awake = kind; dots(); };
  document.addEventListener("click", (event) => {
    const lab = event.target.closest?.("#lab");
    if (!lab || event.target.closest("a") || !asleep()) return;
    event.preventDefault(); event.stopPropagation();
    lab.classList.add("waking");
    let tries = 80; // should it never be heard of: press all the same
    const again = () => {
      if (asleep() && tries--) { setTimeout(again, 100); return; }
      lab.classList.remove("waking");
      if (tries < 0) awake = document.querySelector("#lab h2[data-shown]")?.dataset.shown ?? "";
      if (event.target.isConnected) event.target.click();
    };
    again();
  }, true);
  window.wbLab = (kind, names, given) => { // what is open, and its settings, in the address: a link to a lab
    const old = new URLSearchParams(location.search), now = new URLSearchParams({ lab: kind });
    names.forEach((name, place) => now.set(name, given[place]));
    if (old.get("lab") === kind && old.get("hide")) now.set("hide", old.get("hide"));
    history.replaceState(null, "", location.pathname + "?" + now + location.hash);
  };
  window.wbPrint = (sheet) => { // a page of its own in a frame nobody sees; no script of it runs
    document.getElementById("wb-sheet")?.remove();
    if (!sheet) return;
    const frame = document.createElement("iframe");
    frame.id = "wb-sheet";
    frame.setAttribute("sandbox", "allow-same-origin allow-modals");
    frame.style.cssText = "position:fixed;width:1px;height:1px;opacity:0;border:0";
    frame.addEventListener("load", () => { frame.contentWindow.focus(); frame.contentWindow.print(); });
    frame.srcdoc = sheet;
    document.body.append(frame);
  };
  window.wbField = (path) => {
    const field = document.getElementById("field-" + path.replaceAll(".", "-"));
    if (field) { field.scrollIntoView({ block: "center" }); const input = field.querySelector("input,textarea"); if (input) input.focus(); }
  };
  function theme(next) {
    const dark = next ?? (localStorage.getItem("wb-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
    document.body.classList.toggle("dark", dark === "dark");
    document.documentElement.classList.toggle("dark", dark === "dark");
    return dark;
  }
  document.addEventListener("click", (event) => {
    const go = event.target.closest && event.target.closest("[data-go]");
    if (go) {
      event.preventDefault(); window.wbGo(go.dataset.go);
      const fold = go.dataset.open && document.querySelector(`#${go.dataset.open} > button`);
      if (fold) { if (!fold.classList.contains("open")) fold.click(); window.wbSeek(go.dataset.seek || go.dataset.open, "center"); }
    }
    const copy = event.target.closest && event.target.closest("[data-copy]");
    if (copy) navigator.clipboard.writeText(copy.dataset.copy).then(() => { const said = copy.textContent; copy.textContent = copy.dataset.done; if (said !== copy.dataset.done) setTimeout(() => { copy.textContent = said; }, 2500); }, () => {});
    if (event.target.closest?.(".label-wrap")) [300, 1500].forEach((later) => setTimeout(() => window.dispatchEvent(new Event("resize")), later)); // a chart drawn in a shut fold takes its width now
    const more = event.target.closest && event.target.closest("[data-more]");
    if (more) {
      const box = more.closest(".leafed"), later = [...box.querySelectorAll("tr[hidden]")], said = box.querySelector("[data-said]");
      later.slice(0, Number(more.dataset.more)).forEach((row) => { row.hidden = false; });
      said.textContent = said.dataset.said.replace("{shown}", box.querySelectorAll("tbody tr:not([hidden])").length);
      more.hidden = later.length <= Number(more.dataset.more);
    }
    const flip = event.target.closest && event.target.closest("[data-theme-flip]");
    if (flip) { const next = document.body.classList.contains("dark") ? "light" : "dark"; localStorage.setItem("wb-theme", next); theme(next); }
  });
  document.addEventListener("animationstart", (event) => { // a message over the page: Gradio's own words in the language of the page
    if (event.animationName !== "wb-said") return;
    const ours = JSON.parse(document.getElementById("rail").dataset.toasts);
    event.target.closest(".toast-body").querySelectorAll(".toast-title, .toast-message-text").forEach((each) => {
      const said = each.firstChild, own = said && ours[said.nodeValue?.trim()];
      if (own) said.nodeValue = own;
    });
  });
  let armed = 0;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input,textarea,[contenteditable]");
    if (event.key === "Escape" && typing) typing.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const map = { l: "learn", d: "data", m: "model", t: "train", r: "runs", e: "evaluate", c: "chat" };
    const box = event.key === "/" && wanted() === "train" && document.getElementById("find-setting");
    if (box) { event.preventDefault(); box.focus(); box.scrollIntoView({ block: "center" }); }
    const votes = { 1: "arena-left", 2: "arena-right", 0: "arena-tie", x: "arena-bad", n: "arena-next" };
    const vote = wanted() === "evaluate" && votes[event.key] && document.getElementById(votes[event.key]);
    if (vote && vote.offsetParent) { event.preventDefault(); vote.click(); return; }
    if (event.key === "g") armed = Date.now();
    else if (Date.now() - armed < 1200 && map[event.key]) { armed = 0; window.wbGo(map[event.key]); }
  });
  let unfolded = false; // whether the fold of advanced settings was opened by a search
  function find() { // only the fields with every word of the box stay, wherever they are
    const box = document.getElementById("find-setting"), fold = document.querySelector("#advanced > button");
    if (!box) return;
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const open = fold && fold.classList.contains("open");
    if (fold && words.length && !open) { unfolded = true; fold.click(); }
    if (fold && !words.length && open && unfolded) { unfolded = false; fold.click(); }
    let left = 0;
    document.querySelectorAll("#page-train [id^=field-]").forEach((field) => {
      const text = field.textContent.toLowerCase(), fits = words.every((word) => text.includes(word));
      field.classList.toggle("unfound", !fits);
      left += fits;
    });
    box.parentElement.querySelector("small").hidden = left > 0;
  }
  document.addEventListener("input", (event) => { if (event.target.id === "find-setting") { find(); setTimeout(find, 150); setTimeout(find, 600); } });
  window.addEventListener("hashchange", show);
  const ready = () => { theme(); show(); };
  if (document.body) ready(); else document.addEventListener("DOMContentLoaded", ready);
  new MutationObserver(() => { // Gradio paints the rail after start-up: mark the current page once it is there
    if (document.querySelector("#rail [data-go]") && !document.querySelector("#rail [aria-current]")) { theme(); show(); }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
