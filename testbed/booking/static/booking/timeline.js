"use strict";
/* The timetable works without this: free time and bookings are links. With it one draws a time or
   moves one's booking, by mouse, by long press, or by keyboard, and hears when somebody else books.
   Nothing is booked here: a drawn time is priced and judged by the server, and held by its form;
   a moved booking goes to the page that checks the change. */

const root = document.querySelector(".timeline");
const scroller = root.closest(".timeline-scroll");
const panel = document.getElementById("timeline-ask");
const changeForm = document.getElementById("timeline-change");
const START = Date.parse(root.dataset.start);
const TOTAL = Number(root.dataset.minutes);
const STEP = Number(root.dataset.column);
const DAY = 1440;
const USUAL = 120;
const EDGE_PX = 8;
const LONG_PRESS_MS = 450;
const words = root.dataset;
const mayBook = Boolean(words.ask);
const telephone = matchMedia("(max-width: 30rem)");

const isList = () => telephone.matches && root.classList.contains("timeline--day");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const iso = (minute) => new Date(START + minute * 60000).toISOString();
const clock = (minute) => {
  const at = minute % DAY;
  return String(Math.floor(at / 60)).padStart(2, "0") + ":" + String(at % 60).padStart(2, "0");
};
const hours = (a, z) => clock(a) + "–" + (z % DAY ? clock(z) : "24:00");

let saying = 0;
const say = (text) => {
  const box = document.getElementById("timeline-say");
  // The same words twice are not read twice, unless the box was empty in between.
  box.textContent = "";
  clearTimeout(saying);
  saying = setTimeout(() => { box.textContent = text; }, 30);
};

// -- rows and the pieces in them ----------------------------------------------------------------
const rows = () => [...root.querySelectorAll("#timeline-rows .timeline-row")].filter((row) => !row.closest("details:not([open])"));
const rowOf = (element) => element.closest(".timeline-row");
const trackOf = (row) => row.querySelector(".timeline-track");
const pieces = (row) => [...row.querySelectorAll(".timeline-track [data-a]")];
const stops = (row) => [...row.querySelectorAll(".timeline-name > a"), ...pieces(row)];
const span = (piece) => [Number(piece.dataset.a), Number(piece.dataset.z)];
const nameOf = (row) => row.querySelector(".timeline-name > :first-child").textContent;
const minuteAt = (row, x) => {
  const box = trackOf(row).getBoundingClientRect();
  return clamp(((x - box.left) / box.width) * TOTAL, 0, TOTAL);
};
const rowAt = (y) => rows().find((row) => {
  const box = row.getBoundingClientRect();
  return box.top <= y && y < box.bottom;
});

const joined = (parts) => {
  const found = [];
  parts.sort((one, two) => one[0] - two[0]).forEach(([a, z]) => {
    const last = found.at(-1);
    if (last && a <= last[1]) last[1] = Math.max(last[1], z);
    else found.push([a, z]);
  });
  return found;
};
const common = (one, two) => one.flatMap(([a, z]) => two
  .map(([b, y]) => [Math.max(a, b), Math.min(z, y)])
  .filter(([b, y]) => b < y));

// Where the drawn time may lie: free time of the row, or of every row of the cell, and the place
// where a booking that moves stands now.
const roomOf = (row, booking) => joined(pieces(row)
  .filter((piece) => piece.parentElement.classList.contains("free") || (booking && piece.dataset.b === booking))
  .map(span));
const room = (row, made) => {
  if (!made.target.startsWith("cell:")) return roomOf(row, made.booking);
  return rows().filter((one) => one.dataset.cell === made.target)
    .map((one) => roomOf(one, made.booking)).reduce(common);
};
const nearestFit = (free, a, length) => {
  const starts = free.filter(([from, to]) => to - from >= length)
    .map(([from, to]) => clamp(a, from, to - length));
  return starts.sort((one, two) => Math.abs(one - a) - Math.abs(two - a))[0];
};
const stretch = (free, anchor, other) => {
  const around = free.find(([from, to]) => from <= anchor && anchor <= to && (other > anchor ? anchor < to : from < anchor));
  if (!around) return null;
  const end = clamp(other, around[0], around[1]);
  return end === anchor ? null : [Math.min(anchor, end), Math.max(anchor, end)];
};

// -- one stop for Tab, arrows inside --------------------------------------------------------------
let here = null;
let cursor = 0;
const mark = (stop) => {
  if (here) here.tabIndex = -1;
  here = stop;
  stop.tabIndex = 0;
};
const settle = () => {
  const all = rows().flatMap(stops);
  all.forEach((stop) => { stop.tabIndex = -1; });
  here = null;
  const now = (Date.now() - START) / 60000;
  const first = all.find((stop) => "a" in stop.dataset && Number(stop.dataset.z) > now) || all[0];
  if (first) mark(first);
};
const goTo = (stop) => {
  if (!stop) return;
  mark(stop);
  stop.focus();
  stop.scrollIntoView({ block: "nearest", inline: "nearest" });
};
const at = (row, minute) => {
  const all = pieces(row);
  const far = (piece) => {
    const [a, z] = span(piece);
    return minute < a ? a - minute : Math.max(0, minute - z + 1);
  };
  return all.sort((one, two) => far(one) - far(two))[0] || stops(row)[0];
};
const across = (row, step) => {
  const all = rows();
  return all[clamp(all.indexOf(row) + step, 0, all.length - 1)];
};
const beside = (stop, step) => {
  const all = stops(rowOf(stop));
  const next = all[all.indexOf(stop) + step];
  if (next && "a" in next.dataset) cursor = Number(next.dataset.a);
  return next;
};
const leap = (stop, days) => {
  cursor = clamp(cursor + days * DAY, 0, TOTAL - 1);
  return at(rowOf(stop), cursor);
};
const WAYS = {
  ArrowLeft: (stop) => beside(stop, -1),
  ArrowRight: (stop) => beside(stop, 1),
  ArrowUp: (stop) => at(across(rowOf(stop), -1), cursor),
  ArrowDown: (stop) => at(across(rowOf(stop), 1), cursor),
  Home: (stop) => stops(rowOf(stop))[0],
  End: (stop) => stops(rowOf(stop)).at(-1),
  PageUp: (stop) => leap(stop, -1),
  PageDown: (stop) => leap(stop, 1),
};

// -- the drawn time -------------------------------------------------------------------------------
// mode: new, move or resize; a, z: minutes; target: what is asked for; from: where it stood.
let draft = null;
let asking = null;

const draw = () => {
  const first = Math.floor(draft.a / STEP);
  const last = Math.ceil(draft.z / STEP);
  draft.element.className = "draft s" + (first + 1) + " n" + Math.max(1, last - first);
  draft.element.firstChild.textContent = hours(draft.a, draft.z);
  draft.element.firstChild.setAttribute("aria-label", nameOf(draft.row) + " " + hours(draft.a, draft.z));
  const track = trackOf(draft.row);
  if (draft.element.parentElement !== track) track.append(draft.element);
};
const begin = (made) => {
  drop();
  draft = { isFree: false, isAsked: false, isWanted: false, ...made };
  draft.from = { row: made.row, a: made.a, z: made.z };
  draft.element = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  draft.element.append(button);
  lift();
  draw();
};
const lift = () => {
  if (!draft.booking) return;
  root.querySelectorAll(`[data-b="${draft.booking}"]`).forEach((one) => one.parentElement.classList.add("is-lifted"));
};
const drop = () => {
  if (!draft) return;
  root.querySelectorAll(".is-lifted").forEach((one) => one.classList.remove("is-lifted"));
  draft.element.remove();
  draft = null;
  if (asking) asking.abort();
  clearTimeout(waiting);
  panel.hidden = true;
  panel.replaceChildren();
};
const cancel = () => {
  const { from, booking } = draft;
  drop();
  const own = booking && root.querySelector(`[data-b="${booking}"]`);
  goTo(own || at(from.row, from.a));
  say(words.wordCancelled);
};
const hasMoved = () => draft.row !== draft.from.row || draft.a !== draft.from.a || draft.z !== draft.from.z;

let waiting = 0;
const askSoon = () => {
  draft.isAsked = false;
  clearTimeout(waiting);
  waiting = setTimeout(ask, 200);
};
const ask = async () => {
  clearTimeout(waiting);
  if (draft.booking && !hasMoved()) return;
  if (asking) asking.abort();
  asking = new AbortController();
  const asked = draft;
  const query = new URLSearchParams({ what: draft.target, starts_at: iso(draft.a), ends_at: iso(draft.z) });
  if (draft.booking) query.set("booking", draft.booking);
  try {
    const answer = await fetch(words.ask + "?" + query, { signal: asking.signal, headers: { "HX-Request": "true" } });
    const text = await answer.text();
    if (draft === asked) hear(answer.ok ? text : "");
  } catch (error) {
    if (error.name !== "AbortError") document.dispatchEvent(new CustomEvent("htmx:sendError"));
  }
};
const hear = (text) => {
  panel.innerHTML = text;
  panel.hidden = !text;
  const answer = panel.querySelector("[data-say]");
  draft.isAsked = true;
  draft.isFree = Boolean(answer && "free" in answer.dataset);
  draft.element.classList.toggle("is-bad", !draft.isFree);
  const taken = draft.isTaken ? words.wordTaken + " " : "";
  if (answer) say(taken + answer.dataset.say);
  if (taken) answer?.insertAdjacentHTML("afterbegin", '<p class="notice notice--warn"></p>');
  if (taken) panel.querySelector(".notice--warn").textContent = words.wordTaken;
  if (draft.isWanted && draft.isFree) commit();
  draft.isWanted = false;
};
const commit = () => {
  if (draft.booking) { if (hasMoved()) sendChange(); else cancel(); return; }
  if (!draft.isAsked) { draft.isWanted = true; ask(); return; }
  const form = panel.querySelector("form");
  if (draft.isFree && form) form.requestSubmit();
  else say(panel.querySelector("[data-say]")?.dataset.say || words.wordBlocked);
};
const sendChange = () => {
  const fields = { what: draft.target, starts_at: iso(draft.a), ends_at: iso(draft.z) };
  Object.entries(fields).forEach(([name, value]) => { changeForm.elements[name].value = value; });
  changeForm.action = words.change.replace("/0/", "/" + draft.booking + "/");
  changeForm.requestSubmit();
};

// Another row takes a new time when it can be booked, a booking when it is the same kind of tool.
const mayGo = (row) => {
  if (!row || !row.dataset.what) return false;
  if (draft.target.startsWith("cell:")) return row.dataset.cell === draft.target;
  return !draft.booking || row.dataset.kind === draft.kind;
};
const moveTo = (row, a) => {
  const goal = mayGo(row) ? row : draft.row;
  const target = draft.target.startsWith("cell:") ? draft.target : goal.dataset.what;
  const start = nearestFit(room(goal, { ...draft, target }), a, draft.z - draft.a);
  if (start === undefined) return false;
  const length = draft.z - draft.a;
  Object.assign(draft, { row: goal, target, a: start, z: start + length });
  draw();
  return true;
};
const resize = (anchor, other) => {
  const found = stretch(room(draft.row, draft), anchor, other);
  if (!found) return false;
  [draft.a, draft.z] = found;
  draw();
  return true;
};

const chooseFrom = (piece, minute) => {
  const row = rowOf(piece);
  const made = { mode: "new", row, target: row.dataset.what };
  const free = room(row, made).find(([from, to]) => from <= minute && minute < to);
  if (!free) { say(words.wordBlocked); return; }
  begin({ ...made, a: minute, z: Math.min(minute + USUAL, free[1]) });
  draft.element.firstChild.focus({ preventScroll: true });
  ask();
};
const take = (piece, mode) => {
  const row = rowOf(piece);
  const [a, z] = span(piece);
  begin({ mode, row, a, z, booking: piece.dataset.b, target: piece.dataset.t, kind: row.dataset.kind });
};

// -- keyboard -------------------------------------------------------------------------------------
const KEYS = {
  ArrowLeft: (event) => shift(event, -STEP),
  ArrowRight: (event) => shift(event, STEP),
  PageUp: () => moveTo(draft.row, draft.a - DAY),
  PageDown: () => moveTo(draft.row, draft.a + DAY),
  ArrowUp: () => toRow(-1),
  ArrowDown: () => toRow(1),
};
const shift = (event, by) => {
  const isLength = event.shiftKey || draft.mode === "resize";
  if (!isLength) return draft.mode !== "resize" && moveTo(draft.row, draft.a + by);
  return draft.z + by > draft.a && resize(draft.a, draft.z + by);
};
const toRow = (step) => {
  const all = rows();
  if (draft.mode === "resize") return false;
  for (let n = all.indexOf(draft.row) + step; all[n]; n += step) {
    if (mayGo(all[n])) return moveTo(all[n], draft.a);
  }
  return false;
};
const drawByKey = (event) => {
  if (event.key === "Escape") { event.preventDefault(); cancel(); return; }
  if (!draft.element.contains(event.target)) return;
  if (event.key === "Enter") { event.preventDefault(); commit(); return; }
  if (!KEYS[event.key]) return;
  event.preventDefault();
  const before = [draft.row, draft.a, draft.z].join();
  KEYS[event.key](event);
  draft.element.firstChild.focus({ preventScroll: true });
  draft.element.scrollIntoView({ block: "nearest", inline: "nearest" });
  if ([draft.row, draft.a, draft.z].join() !== before) askSoon();
};
const walkByKey = (event) => {
  const stop = event.target.closest("[data-a], .timeline-name > a");
  if (!stop || !root.contains(stop) || event.altKey || event.ctrlKey || event.metaKey) return;
  if (WAYS[event.key]) {
    event.preventDefault();
    goTo(WAYS[event.key](stop));
  } else if (event.key === "Enter" && mayBook && stop.parentElement.classList.contains("free") && !isList()) {
    event.preventDefault();
    chooseFrom(stop, Number(stop.dataset.a));
  } else if (stop.dataset.b && ["m", "r"].includes(event.key.toLowerCase()) && !isList()) {
    event.preventDefault();
    const isMove = event.key.toLowerCase() === "m";
    take(stop, isMove ? "move" : "resize");
    draft.element.firstChild.focus({ preventScroll: true });
    say(isMove ? words.wordMoving : words.wordResizing);
  }
};
document.addEventListener("keydown", (event) => {
  if (drag && event.key === "Escape") { endDrag(); cancel(); return; }
  if (draft && (draft.element.contains(event.target) || panel.contains(event.target) || event.key === "Escape")) drawByKey(event);
  else if (root.contains(event.target)) walkByKey(event);
});
root.addEventListener("focusin", (event) => {
  const stop = event.target.closest("[data-a], .timeline-name > a");
  if (stop && stop !== here) mark(stop);
  if (stop && "a" in stop.dataset && (Number(stop.dataset.a) > cursor || Number(stop.dataset.z) <= cursor)) cursor = Number(stop.dataset.a);
});

// -- mouse, pen and finger ------------------------------------------------------------------------
// press: where it went down and on what; drag: how the drawn time follows the pointer.
let press = null;
let drag = null;
let skipsClick = false;

const pressOn = (target, x, y) => {
  const drawn = target.closest(".draft");
  const own = target.closest("[data-b]") || target.closest(".claim")?.querySelector("[data-b]");
  const free = target.closest(".free")?.querySelector("a");
  const row = rowOf(target);
  const on = drawn || own || free;
  if (!on || !row || !mayBook || isList()) return null;
  return { kind: drawn ? "drawn" : own ? "own" : "free", on, row, x, y };
};
const edgeOf = (element, x) => {
  const box = element.getBoundingClientRect();
  const reach = Math.min(EDGE_PX, box.width / 4);
  if (x - box.left < reach) return "a";
  return box.right - x < reach ? "z" : "";
};
const startDrag = () => {
  const { kind, on, row, x } = press;
  const minute = minuteAt(row, x);
  if (kind === "free") {
    const anchor = clamp(Math.floor(minute / STEP) * STEP, ...span(on));
    begin({ mode: "new", row, target: row.dataset.what, a: anchor, z: anchor + STEP });
    drag = { anchor };
    if (!resize(anchor, anchor + STEP) && !resize(anchor, anchor - STEP)) { endDrag(); drop(); }
    return;
  }
  const edge = edgeOf(kind === "own" ? on.parentElement : on, x);
  if (kind === "own") take(on, edge ? "resize" : "move");
  drag = edge ? { anchor: edge === "a" ? draft.z : draft.a } : { offset: minute - draft.a };
};
const follow = (x, y) => {
  const minute = minuteAt(draft.row, x);
  if ("anchor" in drag) {
    const isAfter = minute >= drag.anchor;
    const other = isAfter ? Math.ceil(minute / STEP) * STEP : Math.floor(minute / STEP) * STEP;
    resize(drag.anchor, other === drag.anchor ? drag.anchor + STEP : other);
  } else {
    moveTo(rowAt(y), Math.round((minute - drag.offset) / STEP) * STEP);
  }
  const box = scroller.getBoundingClientRect();
  if (x > box.right - 24) scroller.scrollLeft += 18;
  else if (x < box.left + 210 && scroller.scrollLeft) scroller.scrollLeft -= 18;
};
const endDrag = () => {
  drag = null;
  press = null;
  root.classList.remove("is-drawing");
  if (isStale) refresh();
};
const letGo = () => {
  endDrag();
  if (!draft) return;
  if (!draft.booking) ask();
  else if (hasMoved()) sendChange();
  else cancel();
};

root.addEventListener("pointerdown", (event) => {
  skipsClick = false;
  if (event.pointerType === "touch" || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  press = pressOn(event.target, event.clientX, event.clientY);
});
root.addEventListener("pointermove", (event) => {
  if (!press || event.pointerType === "touch") return;
  if (!drag) {
    if (Math.hypot(event.clientX - press.x, event.clientY - press.y) < 5) return;
    root.setPointerCapture(event.pointerId);
    root.classList.add("is-drawing");
    startDrag();
  }
  if (drag) follow(event.clientX, event.clientY);
});
root.addEventListener("pointerup", (event) => {
  if (event.pointerType === "touch") return;
  if (drag) { skipsClick = true; letGo(); }
  press = null;
});
root.addEventListener("pointercancel", (event) => {
  if (event.pointerType !== "touch" && drag) { endDrag(); cancel(); }
});
root.addEventListener("dragstart", (event) => event.preventDefault());
root.addEventListener("click", (event) => {
  if (skipsClick) { skipsClick = false; event.preventDefault(); return; }
  const free = event.target.closest(".free")?.querySelector("a");
  if (!free || !mayBook || isList() || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  // A click that no pointer made (Enter, a screen reader) has no place: it means the beginning.
  const minute = event.detail ? Math.floor(minuteAt(rowOf(free), event.clientX) / STEP) * STEP : 0;
  chooseFrom(free, clamp(minute, ...span(free)));
});

// A finger scrolls; held still for a moment it draws. Only a listener that is not passive may keep
// the page from scrolling then.
let holding = 0;
root.addEventListener("touchstart", (event) => {
  clearTimeout(holding);
  if (event.touches.length !== 1) { press = null; return; }
  const finger = event.touches[0];
  press = pressOn(event.target, finger.clientX, finger.clientY);
  if (!press) return;
  const grab = () => {
    root.classList.add("is-drawing");
    startDrag();
    navigator.vibrate?.(15);
  };
  if (press.kind === "drawn") grab();
  else holding = setTimeout(grab, LONG_PRESS_MS);
}, { passive: true });
root.addEventListener("touchmove", (event) => {
  const finger = event.touches[0];
  if (drag) {
    event.preventDefault();
    follow(finger.clientX, finger.clientY);
  } else if (press && Math.hypot(finger.clientX - press.x, finger.clientY - press.y) > 10) {
    clearTimeout(holding);
    press = null;
  }
}, { passive: false });
root.addEventListener("touchend", (event) => {
  clearTimeout(holding);
  if (drag) {
    event.preventDefault();
    letGo();
  }
  press = null;
});
root.addEventListener("touchcancel", () => {
  clearTimeout(holding);
  if (drag) { endDrag(); cancel(); }
  press = null;
});
root.addEventListener("contextmenu", (event) => {
  if (press || drag) event.preventDefault();
});

panel?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !draft) return;
  if ("cancel" in button.dataset) cancel();
  if (button.dataset.cell) { draft.target = button.dataset.cell; ask(); }
});

// -- somebody else books --------------------------------------------------------------------------
let isStale = false;
let tag = "";
let shown = "";
let polling = 0;

const keyOf = (element) => {
  const stop = element?.closest?.("[data-a], .timeline-name > a");
  const row = stop && root.contains(stop) && rowOf(stop);
  return row ? { pk: row.dataset.pk, a: "a" in stop.dataset ? Number(stop.dataset.a) : null } : null;
};
const rowBy = (pk) => root.querySelector(`#timeline-rows .timeline-row[data-pk="${pk}"]`);
const find = (key) => {
  const row = key && rowBy(key.pk);
  if (!row) return null;
  return key.a === null ? stops(row)[0] : at(row, key.a);
};
const swap = (text) => {
  const focused = keyOf(document.activeElement);
  const marked = keyOf(here);
  const isDrawing = draft && draft.element.contains(document.activeElement);
  const closed = [...root.querySelectorAll("details:not([open])")].map((group) => group.dataset.key);
  const made = document.createElement("template");
  made.innerHTML = text;
  document.getElementById("timeline-rows").replaceWith(made.content.querySelector("#timeline-rows"));
  root.querySelectorAll("details").forEach((group) => { group.open = !closed.includes(group.dataset.key); });
  settle();
  const back = find(marked);
  if (back) mark(back);
  if (draft) putBack();
  if (isDrawing && draft) draft.element.firstChild.focus({ preventScroll: true });
  else if (focused) find(focused)?.focus({ preventScroll: true });
};
// The drawn time stays; when it is no longer free, that is said with the server's reasons.
const putBack = () => {
  const row = rowBy(draft.row.dataset.pk);
  const start = rowBy(draft.from.row.dataset.pk);
  if (!row || !start || (draft.booking && !root.querySelector(`[data-b="${draft.booking}"]`))) { drop(); return; }
  draft.row = row;
  draft.from.row = start;
  draw();
  lift();
  const isFree = room(row, draft).some(([a, z]) => a <= draft.a && draft.z <= z);
  draft.isTaken = !isFree;
  draft.element.classList.toggle("is-bad", !isFree || (draft.isAsked && !draft.isFree));
  if (!isFree || draft.isAsked) ask();
};
const refresh = async () => {
  if (drag) { isStale = true; return; }
  isStale = false;
  const address = new URL(location.href);
  address.searchParams.set("part", "grid");
  try {
    const answer = await fetch(address, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status !== 200 || answer.redirected) return;
    tag = answer.headers.get("ETag") || "";
    const text = await answer.text();
    if (drag) { isStale = true; return; }
    if (text !== shown) swap(text);
    shown = text;
    document.dispatchEvent(new CustomEvent("htmx:afterOnLoad"));
  } catch {
    document.dispatchEvent(new CustomEvent("htmx:sendError"));
  }
};
const concerns = (change) => {
  const within = (Date.parse(change.start) - START) / 60000 < TOTAL && Date.parse(change.end) > START;
  const isShown = !change.tools.length || change.tools.some((pk) => rowBy(pk));
  return within && isShown;
};
let soon = 0;
const listen = () => {
  const news = document.getElementById("timeline-rows").dataset.news;
  const source = new EventSource(words.live + "?after=" + encodeURIComponent(news));
  source.addEventListener("open", () => poll(60000));
  source.addEventListener("line", (event) => {
    if (!concerns(JSON.parse(event.data))) return;
    clearTimeout(soon);
    // Not all open pages at the same moment.
    soon = setTimeout(refresh, 50 + Math.random() * 350);
  });
  source.addEventListener("error", () => {
    poll(5000);
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 30000);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
};
// With news once a minute, for what is no claim (approvals, the line of now); without every 5 s.
const poll = (every) => {
  clearInterval(polling);
  polling = setInterval(() => { if (!document.hidden) refresh(); }, every);
};

settle();
cursor = here && "a" in here.dataset ? Number(here.dataset.a) : 0;
poll(5000);
listen();
addEventListener("pageshow", (event) => { if (event.persisted) { drop(); listen(); refresh(); } });
const now = root.querySelector(".timeline-now");
if (now) scroller.scrollLeft += now.getBoundingClientRect().left - scroller.getBoundingClientRect().left - scroller.clientWidth / 3;
