// What a word means, when one rests on it; and the tour of the first visit. Words come from the server (ui/hints.py), as text.
(function () {
  const READ = ".idea p, .heading p, [id^=field-] .info, [id^=field-] span, #lab span, .note, dl.facts dt, .big .k, .sample p";
  let told = null, box = null, at = -1, offered = null;
  const make = (name, text, look) => { const made = document.createElement(name); made.textContent = text; if (look) made.className = look; return made; };

  async function fetched() {
    if (told === null) { const answer = await fetch("hints"); told = answer.ok ? await answer.json() : { terms: [], tour: [], words: {} }; }
    return told;
  }

  // Words. Nothing in the page is changed: what the browser finds under the pointer is looked up, and marked by ranges.
  const letter = (sign) => /[A-Za-z0-9]/.test(sign ?? "");
  function around(text, place) { // the longest term that covers this place
    const low = text.toLowerCase();
    for (const term of told.terms) {
      const word = term.word.toLowerCase();
      for (let from = low.indexOf(word, Math.max(0, place - word.length)); from >= 0 && from <= place; from = low.indexOf(word, from + 1)) {
        const alone = !letter(word[0]) || (!letter(low[from - 1]) && !letter(low[from + word.length]?.replace("s", "")));
        if (alone && place < from + word.length) return { term, from, to: from + word.length };
      }
    }
    return null;
  }
  function under(event) {
    const found = document.caretPositionFromPoint ? document.caretPositionFromPoint(event.clientX, event.clientY) : document.caretRangeFromPoint?.(event.clientX, event.clientY);
    const node = found?.offsetNode ?? found?.startContainer, place = found?.offset ?? found?.startOffset;
    if (!node || node.nodeType !== 3 || !node.parentElement.closest(READ)) return null;
    const hit = around(node.data, place);
    if (!hit) return null;
    const range = document.createRange();
    range.setStart(node, hit.from); range.setEnd(node, hit.to);
    const square = range.getBoundingClientRect();
    const on = event.clientX >= square.left - 2 && event.clientX <= square.right + 2 && event.clientY >= square.top - 2 && event.clientY <= square.bottom + 2;
    return on ? { ...hit, square } : null;
  }
  function explain(hit) {
    if (!hit) { box?.remove(); box = null; return; }
    if (box?.dataset.word === hit.term.word) return;
    box?.remove();
    box = make("div", "", "meaning");
    box.dataset.word = hit.term.word;
    box.setAttribute("role", "tooltip");
    box.append(make("b", hit.term.word), make("small", hit.term.other), make("p", hit.term.what));
    document.body.append(box);
    box.style.left = Math.max(8, Math.min(hit.square.left, innerWidth - box.offsetWidth - 8)) + "px";
    const low = hit.square.bottom + 6;
    box.style.top = (low + box.offsetHeight > innerHeight ? hit.square.top - box.offsetHeight - 6 : low) + "px";
  }
  let waiting = 0;
  document.addEventListener("pointermove", (event) => {
    clearTimeout(waiting);
    if (!event.target.closest?.(READ)) { explain(null); return; }
    waiting = setTimeout(async () => { await fetched(); explain(under(event)); }, 120);
  }, { passive: true });
  document.addEventListener("scroll", () => explain(null), { passive: true, capture: true });
  function mark() { // a dotted line under terms in what is read
    if (!window.Highlight || !CSS.highlights || !told) return;
    const ranges = [];
    document.querySelectorAll(".idea p, .heading p, [id^=field-] .info").forEach((element) => {
      if (!element.offsetParent || ranges.length > 300) return;
      const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        for (let place = 0; place < node.data.length;) {
          const hit = around(node.data, place);
          if (hit && hit.from >= place) { const range = new Range(); range.setStart(node, hit.from); range.setEnd(node, hit.to); ranges.push(range); }
          place = hit ? Math.max(place + 1, hit.to) : place + 1;
        }
      }
    });
    CSS.highlights.set("term", new Highlight(...ranges));
  }
  const later = () => { setTimeout(mark, 400); setTimeout(mark, 2500); };
  window.addEventListener("hashchange", later);
  document.addEventListener("click", later);

  // The tour.
  const done = () => localStorage.setItem("wb-tour", "1");
  function close() { document.querySelectorAll(".tour, .tour-offer").forEach((each) => each.remove()); document.querySelectorAll(".toured").forEach((each) => each.classList.remove("toured")); at = -1; offered = null; }
  function button(text, look, act) { const made = make("button", text, look); made.type = "button"; made.addEventListener("click", act); return made; }
  window.wbTour = async () => { await fetched(); close(); done(); show(0); };
  function show(place) {
    close();
    if (place < 0 || place >= told.tour.length) { window.wbGo("learn"); return; }
    const stop = told.tour[place];
    at = place;
    window.wbGo(stop.page);
    const target = document.querySelector(stop.at) ?? document.querySelector("#rail");
    const rail = document.querySelector("#rail"), seen = target.offsetParent || target.closest("#jobs") ? target : rail;
    seen.scrollIntoView({ block: "nearest" });
    seen.classList.add("toured");
    const card = make("div", "", "tour");
    card.setAttribute("role", "dialog"); card.setAttribute("aria-label", told.words.name); card.tabIndex = -1;
    const row = make("div", "", "row");
    row.append(make("small", `${place + 1} / ${told.tour.length}`));
    if (place) row.append(button(told.words.back, "link", () => show(place - 1)));
    const last = place === told.tour.length - 1;
    if (!last) row.append(button(told.words.end, "link", () => { close(); window.wbGo("learn"); }));
    row.append(button(last ? told.words.end : told.words.next, "go", () => show(place + 1)));
    card.append(make("p", stop.text), row);
    document.body.append(card);
    card.querySelector(".go").focus({ preventScroll: true });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { explain(null); if (at >= 0 || offered) { done(); close(); } return; }
    if (at < 0) return;
    if (event.key === "ArrowRight") show(at + 1);
    if (event.key === "ArrowLeft" && at) show(at - 1);
  });
  document.addEventListener("click", (event) => { if (event.target.closest?.("[data-tour]")) window.wbTour(); });
  async function offer() {
    await fetched();
    later();
    if (localStorage.getItem("wb-tour") || !told.tour.length || navigator.webdriver || document.querySelector(".tour-offer")) return;
    offered = make("div", "", "tour-offer");
    offered.append(make("p", told.words.offer), button(told.words.no, "link", () => { done(); close(); }), button(told.words.start, "go", window.wbTour));
    document.body.append(offered);
  }
  const ready = setInterval(() => { if (document.querySelector("#rail [aria-current]")) { clearInterval(ready); offer(); } }, 300);
})();
