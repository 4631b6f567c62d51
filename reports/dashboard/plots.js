// The plots: accuracy against latency, and cost against image size, with names beside points and lines.
const HUES = ["mark", "front", "green", "pink", "olive"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star"];
const OFFSETS = [-1, 1, -2, 2, -3, 3].flatMap((row) => [[1, row], [-1, row]]);

function span(values, room) {
  const low = Math.min(...values), high = Math.max(...values), pad = (high - low || 1) * room;
  return [low - pad, high + pad];
}

function scatter(place, all, front, fits, largest) {
  const x = span(all.map((p) => Math.log10(p.latency)), 0.12), y = span(all.map((p) => p.accuracy), 0.12);
  const size = (p) => 9 + 26 * Math.sqrt((p.memory || 0) / (largest || 1));
  const hue = (p) => colour(!fits(p) ? "out" : front.includes(p) ? "front" : "mark");
  const hover = (p) => literal(`${p.name}: ${p.accuracy} %, ${short(p.latency)} ms, ${p.memory === null ? "memory unknown" : p.memory.toFixed(0) + " MiB"}`);
  const dots = { x: all.map((p) => p.latency), y: all.map((p) => p.accuracy), mode: "markers", hovertext: all.map(hover), hoverinfo: "text",
    marker: { color: all.map(hue), opacity: 0.8, size: all.map(size), line: { width: 1, color: colour("paper") } } };
  const edge = { x: front.map((p) => p.latency), y: front.map((p) => p.accuracy), mode: "lines", line: { color: colour("front"), width: 1.5 }, hoverinfo: "skip" };
  const wide = place.clientWidth - MARGIN.l - MARGIN.r, high = place.clientHeight - MARGIN.t - MARGIN.b;
  const boxes = all.map((p) => ({ p, half: size(p) / 2, left: (Math.log10(p.latency) - x[0]) / (x[1] - x[0]) * wide, top: (y[1] - p.accuracy) / (y[1] - y[0]) * high }));
  plot(place, [edge, dots], { xaxis: { type: "log", range: x, title: { text: "latency (ms), logarithmic" } },
    yaxis: { range: y, title: { text: "miou_paper (%)" } }, annotations: named(boxes, wide, high) });
}

// A name beside each point where it covers neither another name nor a marker; a name without room is left to the hover text.
function named(boxes, wide, high) {
  const taken = boxes.map((box) => [box.left - box.half * 0.8, box.top - box.half * 0.8, box.left + box.half * 0.8, box.top + box.half * 0.8]);
  const clear = (a) => a[0] >= 0 && a[2] <= wide && a[1] >= 0 && a[3] <= high && !taken.some((b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]);
  const found = [];
  for (const { p, half, left, top } of boxes) {
    const length = 5.9 * p.name.length + 2;
    for (const [across, row] of OFFSETS) {
      const dx = across * (half * 0.7 + 2), dy = row * 7 + Math.sign(row) * half * 0.5;
      const from = across > 0 ? left + dx : left + dx - length, box = [from, top + dy - 6, from + length, top + dy + 6];
      if (!clear(box)) continue;
      taken.push(box);
      found.push({ x: Math.log10(p.latency), y: p.accuracy, text: literal(p.name), showarrow: false, font: { size: 11 },
        xanchor: across > 0 ? "left" : "right", xshift: dx, yshift: -dy });
      break;
    }
  }
  return found;
}

function showSizes() {
  const none = !DATA.sizes.length;
  $("sizes-controls").hidden = $("sizes-plots").hidden = none;
  $("sizes-text").textContent = none ? "No system was measured at more than one size; 'isdbench sweep' does that."
    : "Latency and memory over the pixels of the image; all axes are logarithmic.";
  if (none) return;
  const lines = DATA.sizes[Number($("sizes-choice").value)].lines;
  for (const [id, field, unit] of [["sizes-latency", "latency_ms", "latency (ms)"], ["sizes-memory", "memory_mib", "memory (MiB)"]]) {
    redraw(id, () => curves($(id), lines, field, unit));
  }
}

// Rising places for names, near where their lines end, ``room`` apart and not above ``top``.
function apart(ends, room, top) {
  const places = [];
  for (const end of ends) places.push(Math.max(end, places.length ? places[places.length - 1] + room : end));
  let limit = top;
  for (let index = places.length - 1; index >= 0; index -= 1) {
    places[index] = Math.min(places[index], limit);
    limit = places[index] - room;
  }
  return places;
}

function curves(place, lines, field, unit) {
  const known = lines.map((one) => ({ name: one.system, points: one.points.filter((p) => p[field]) })).filter((one) => one.points.length);
  const all = known.flatMap((one) => one.points.map((p) => Math.log10(p[field]))), y = span(all, 0.08);
  const traces = known.map((one, index) => ({ x: one.points.map((p) => p.megapixels), y: one.points.map((p) => p[field]), mode: "lines+markers",
    name: literal(one.name), line: { color: colour(HUES[index % HUES.length]) }, marker: { symbol: SYMBOLS[index % SYMBOLS.length], size: 8 } }));
  const room = (y[1] - y[0]) * 14 / (place.clientHeight - MARGIN.t - MARGIN.b);
  const ends = known.map((one, index) => ({ one, index, end: Math.log10(one.points[one.points.length - 1][field]) })).sort((a, b) => a.end - b.end);
  const places = apart(ends.map(({ end }) => end), room, y[1]);
  const annotations = ends.map(({ one, index }, rank) => ({ xref: "paper", x: 1, xanchor: "left", y: places[rank], text: literal(one.name),
    showarrow: false, font: { size: 11, color: colour(HUES[index % HUES.length]) } }));
  plot(place, traces, { xaxis: { type: "log", title: { text: "megapixels" } }, yaxis: { type: "log", range: y, title: { text: unit } },
    annotations, margin: { ...MARGIN, r: 130 } });
}
