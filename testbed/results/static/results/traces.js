"use strict";
/* Curves that zoom. The page already shows each curve as a drawing; where this script runs, the
   drawing is replaced by a live chart whose zoom fetches the envelope anew for its pixel width. */
(() => {
  const height = 220;
  const shared = window.uPlot ? uPlot.sync("traces") : null;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const probe = (name) => {
    const element = document.createElement("span");
    element.className = name;
    document.body.append(element);
    const found = getComputedStyle(element).color;
    element.remove();
    return found;
  };

  const address = (figure, width, range) => {
    const query = new URLSearchParams({ pixels: String(Math.max(1, Math.round(width))) });
    if (figure.dataset.wafer) query.set("wafer", figure.dataset.wafer);
    if (range) { query.set("start", range[0]); query.set("end", range[1]); }
    return figure.dataset.trace + "?" + query;
  };

  const limitsOf = (figure) => figure.dataset.limits.split(" ").filter(Boolean).map(Number);

  const fetchCurve = async (figure, width, range) => {
    const answer = await fetch(address(figure, width, range), { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const curve = await answer.json();
    return [curve.t, curve.low, curve.high, ...limitsOf(figure).map((limit) => curve.t.map(() => limit))];
  };

  const options = (figure, width, zoom) => {
    const ink = probe("muted");
    const line = probe("trace-ink");
    const fill = line.replace(/^rgb\((.*)\)$/, "rgba($1, .25)");
    const axis = { stroke: ink, grid: { stroke: colour("--line") || "#ccc", width: 1 }, ticks: { stroke: ink, width: 1 } };
    return {
      width, height,
      cursor: { sync: { key: shared.key }, drag: { x: true, y: false, setScale: false } },
      scales: { x: { time: false } },
      axes: [{ ...axis, label: figure.dataset.along }, { ...axis, label: figure.dataset.unit, size: 64 }],
      series: [
        { label: figure.dataset.along },
        { label: `${figure.dataset.name}, ${figure.dataset.lowName} (${figure.dataset.unit})`, stroke: line, width: 1, points: { show: false } },
        { label: `${figure.dataset.name}, ${figure.dataset.highName} (${figure.dataset.unit})`, stroke: line, width: 1, points: { show: false } },
        ...limitsOf(figure).map((limit) => ({ label: `${figure.dataset.limitName} (${figure.dataset.unit})`, stroke: probe("limit-ink"), dash: [6, 4], width: 1.5, points: { show: false } })),
      ],
      bands: [{ series: [2, 1], fill }],
      hooks: { setSelect: [(plot) => zoom(plot)] },
    };
  };

  const show = async (figure) => {
    const width = () => Math.max(200, figure.clientWidth - 24);
    let range = null;
    let latest = 0;
    const redraw = async (plot) => {
      const number = ++latest;
      const data = await fetchCurve(figure, width(), range);
      if (number === latest) plot.setData(data);
    };
    const zoom = (plot) => {
      if (plot.select.width < 4) return;
      const left = plot.posToVal(plot.select.left, "x");
      const right = plot.posToVal(plot.select.left + plot.select.width, "x");
      range = [left, right];
      plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      redraw(plot).catch(() => {});
    };
    const data = await fetchCurve(figure, width(), null);
    figure.replaceChildren();
    const plot = new uPlot(options(figure, width(), zoom), data, figure);
    // Panes zoom together, so they come back together.
    plot.over.addEventListener("dblclick", () => document.dispatchEvent(new Event("traces:whole")));
    document.addEventListener("traces:whole", () => { range = null; redraw(plot).catch(() => {}); });
    new ResizeObserver(() => plot.setSize({ width: width(), height })).observe(figure);
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (!window.uPlot) return;
    // A curve that cannot be fetched stays the drawing it was.
    document.querySelectorAll("[data-trace]").forEach((figure) => { show(figure).catch(() => {}); });
  });
})();
