"use strict";
/* The few things a page cannot do without a script; every page works when this file is missing. */

// The server's clock decides: `data-now` is the server's time when the page was made.
const madeAt = Date.parse(document.documentElement.dataset.now);
const loadedAt = performance.now();
const serverNow = () => madeAt + (performance.now() - loadedAt);

const tickers = new Set();
setInterval(() => tickers.forEach((element) => element.tick()), 500);

class Ticking extends HTMLElement {
  connectedCallback() { tickers.add(this); this.tick(); }
  disconnectedCallback() { tickers.delete(this); }
}

// <age-of data-at="ISO">: how old what is shown is; after `data-limit` seconds (5) it and the
// nearest [data-live] block turn grey and say so.
class AgeOf extends Ticking {
  tick() {
    const age = Math.max(0, Math.floor((serverNow() - Date.parse(this.dataset.at)) / 1000));
    const isStale = age >= Number(this.dataset.limit || 5);
    const words = document.body.dataset[isStale ? "wordStale" : "wordAgo"];
    const text = words.replace("%s", age);
    if (this.textContent !== text) this.textContent = text;
    this.classList.toggle("is-stale", isStale);
    const block = this.closest("[data-live]");
    if (block) block.classList.toggle("is-stale", isStale);
  }
}
customElements.define("age-of", AgeOf);

// <count-down data-until="ISO">: minutes and seconds left by the server's clock; sends
// a `count-down-over` event once when nothing is left.
class CountDown extends Ticking {
  tick() {
    const left = Math.max(0, Math.ceil((Date.parse(this.dataset.until) - serverNow()) / 1000));
    const text = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    if (this.textContent !== text) this.textContent = text;
    this.classList.toggle("is-short", left <= 60);
    if (left === 0 && !this.isOver) {
      this.isOver = true;
      this.dispatchEvent(new CustomEvent("count-down-over", { bubbles: true }));
    }
  }
}
customElements.define("count-down", CountDown);

// On a narrow screen the second row of the menu is swiped: start where the present page is.
// Again with the fonts, which come later and are wider.
const present = document.querySelector(".section-nav [aria-current]");
const showPresent = () => {
  const row = present.parentElement;
  row.scrollLeft = present.offsetLeft - (row.clientWidth - present.offsetWidth) / 2;
};
if (present) {
  showPresent();
  document.fonts.ready.then(showPresent);
}

class KstClock extends Ticking {
  tick() {
    const time = this.querySelector("time");
    if (!time) return;
    const kst = new Date(serverNow() + 9 * 3600 * 1000).toISOString();
    const text = kst.slice(11, 16);
    if (time.textContent === text) return;
    time.textContent = text;
    time.dateTime = kst.slice(0, 19) + "+09:00";
    this.querySelector(".clock-date").textContent = kst.slice(0, 10);
  }
}
customElements.define("kst-clock", KstClock);

// A request that did not reach the server is said aloud, once, and taken back when one succeeds.
const say = (text) => {
  const place = document.getElementById("messages");
  let line = place.querySelector("[data-unreachable]");
  if (!text) { if (line) line.remove(); return; }
  if (line) return;
  line = document.createElement("p");
  line.className = "notice notice--bad";
  line.dataset.unreachable = "";
  line.textContent = text;
  place.append(line);
};
document.addEventListener("htmx:sendError", () => say(document.body.dataset.wordFailed));
document.addEventListener("htmx:timeout", () => say(document.body.dataset.wordFailed));
document.addEventListener("htmx:afterOnLoad", () => say(""));

// A menu in <details> closes when one clicks elsewhere or presses Escape.
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.who[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details.who[open], details.confirm[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});

// A form sends once: a second press while the first is on its way does nothing.
document.addEventListener("submit", (event) => {
  // An emergency stop may be pressed again: the first press may hang on a bad connection.
  if (event.target.dataset.sent && !("again" in event.target.dataset)) { event.preventDefault(); return; }
  if (event.target.method === "post" && !event.target.hasAttribute("hx-post")) event.target.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});

// A table that scrolls sideways can be reached and scrolled with the keyboard alone.
const reach = (box) => {
  const scrolls = box.scrollWidth > box.clientWidth + 1;
  if (scrolls && !box.querySelector("a, button, input, select")) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
};
// On a telephone a table that is too wide becomes a list: a row is a block, each value carries the
// words of its column. Long tables of figures stay tables and are scrolled.
const narrow = matchMedia("(max-width: 40rem)");
const LONGEST_LIST = 60;
const widths = new WeakMap();
const canBeList = (table) => table.tHead && table.tHead.rows.length === 1
  && table.rows.length <= LONGEST_LIST && !table.querySelector("thead [colspan]");
const label = (table) => {
  const words = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  for (const row of [...table.tBodies, table.tFoot || []].flatMap((part) => [...part.rows || []])) {
    if (row.cells.length !== words.length) continue;
    [...row.cells].forEach((cell, number) => {
      if (number) cell.dataset.label = words[number];
      cell.classList.toggle("is-none", ["", "–", "—"].includes(cell.textContent.trim()) && !cell.querySelector("input, img, svg"));
    });
  }
};
const list = (box) => {
  const table = box.querySelector(":scope > table.table");
  if (!table || !box.clientWidth || widths.get(box) === box.clientWidth) return;
  widths.set(box, box.clientWidth);
  table.classList.remove("is-list");
  if (!narrow.matches || box.scrollWidth <= box.clientWidth + 1 || !canBeList(table)) return;
  label(table);
  table.classList.add("is-list");
};
// In the next frame: a list is of another height, and to change that in here would be a loop.
const boxes = new ResizeObserver((entries) => requestAnimationFrame(() => entries.forEach((entry) => {
  list(entry.target);
  reach(entry.target);
})));
const watchTables = (root) => root.querySelectorAll(".table-scroll").forEach((box) => boxes.observe(box));
watchTables(document);
document.addEventListener("htmx:load", (event) => watchTables(event.target.parentElement || document));
