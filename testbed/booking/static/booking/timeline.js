// The timetable works without this: it adds arrow keys between bookings, a click on an empty
// place, and scrolls to the present.
const grid = document.querySelector(".timeline");
const rows = [...grid.querySelectorAll(".timeline-row:not(.timeline-head)")];
const links = (row) => [...row.querySelectorAll("a")];
const middle = (element) => {
  const box = element.getBoundingClientRect();
  return box.left + box.width / 2;
};

const beside = (row, link, step) => links(row)[links(row).indexOf(link) + step];

// In the next row that has a link, the one nearest to where the reader is.
const across = (row, link, step) => {
  for (let at = rows.indexOf(row) + step; rows[at]; at += step) {
    const near = links(rows[at]).sort(
      (one, two) => Math.abs(middle(one) - middle(link)) - Math.abs(middle(two) - middle(link)),
    )[0];
    if (near) return near;
  }
  return null;
};

grid.addEventListener("keydown", (event) => {
  const link = event.target.closest("a");
  const row = event.target.closest(".timeline-row");
  const moves = {
    ArrowLeft: () => beside(row, link, -1),
    ArrowRight: () => beside(row, link, 1),
    ArrowUp: () => across(row, link, -1),
    ArrowDown: () => across(row, link, 1),
  };
  if (!link || !row || !moves[event.key]) return;
  event.preventDefault();
  moves[event.key]()?.focus();
});

// A click on an empty place asks for that time, to the half hour.
grid.addEventListener("click", (event) => {
  const track = event.target.closest(".timeline-track[data-what]");
  if (!track || !grid.dataset.book || event.target !== track) return;
  const box = track.getBoundingClientRect();
  const minutes = ((event.clientX - box.left) / box.width) * Number(grid.dataset.minutes);
  const start = new Date(Date.parse(grid.dataset.start) + Math.floor(minutes / 30) * 30 * 60000);
  const kst = new Date(start.getTime() + 9 * 3600 * 1000).toISOString();
  const query = new URLSearchParams({ what: track.dataset.what, at: kst.slice(0, 16) });
  location.assign(grid.dataset.book + "?" + query);
});

const now = grid.querySelector(".timeline-now");
if (now) {
  const scroller = grid.closest(".timeline-scroll");
  scroller.scrollLeft = now.offsetLeft - scroller.clientWidth / 4;
}
