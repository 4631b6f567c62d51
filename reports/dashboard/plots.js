// The choice of a system under limits, cost against size, the slider, the audit.
function valueOf(table, row, head, side) {
  const index = table.columns.findIndex((column) => column.head.startsWith(head) && column.name.endsWith("_" + side));
  return index < 0 ? null : row.cells[index].value;
}

function showChoice() {
  const table = current(), side = $("choice-side").value;
  const most = (id) => ($(id).value === "" ? Infinity : Number($(id).value));
  const points = table.rows.map((row) => {
    const fps = valueOf(table, row, "FPS", side), memory = valueOf(table, row, "Memory", side);
    return { name: nameOf(table, row), accuracy: valueOf(table, row, "miou_paper", side), latency: fps ? 1000 / fps : null, memory };
  }).filter((point) => point.accuracy !== null && point.latency !== null);
  const fits = (point) => point.latency <= most("limit-latency") && (point.memory === null ? most("limit-memory") === Infinity : point.memory <= most("limit-memory"));
  const good = points.filter(fits), bad = points.filter((point) => !fits(point));
  const front = good.filter((a) => !good.some((b) => b.latency < a.latency && b.accuracy > a.accuracy)).sort((a, b) => a.latency - b.latency);
  const largest = Math.max(1, ...points.map((point) => point.memory || 0));
  const trace = (name, list, colour) => ({ name, x: list.map((p) => p.latency), y: list.map((p) => p.accuracy), mode: "markers+text",
    text: list.map((p) => literal(p.name)), textposition: "top center", textfont: { size: 10 },
    hovertext: list.map((p) => literal(`${p.name}: ${p.accuracy} %, ${p.latency.toPrecision(3)} ms, ${p.memory === null ? "memory unknown" : p.memory.toFixed(0) + " MiB"}`)), hoverinfo: "text",
    marker: { color: colour, opacity: 0.75, size: list.map((p) => 8 + 26 * Math.sqrt((p.memory || 0) / largest)) } });
  plot($("choice-plot"), [{ name: "Pareto front", x: front.map((p) => p.latency), y: front.map((p) => p.accuracy), mode: "lines", line: { color: colours()[5], width: 1 }, hoverinfo: "skip" },
    trace("fits", good, colours()[0]), trace("breaks a limit", bad, colours()[7])],
  { xaxis: { type: "log", title: { text: "latency (ms), logarithmic" } }, yaxis: { title: { text: "miou_paper (%)" } } });
  const names = front.map((point) => point.name).join(", ") || "none";
  $("choice-text").textContent = `${good.length} of ${points.length} systems with accuracy and FPS fit the limits; on the Pareto front: ${names}.`;
}

function showSizes() {
  const points = DATA.sizes.filter((point) => point.hardware === $("sizes-hardware").value);
  const systems = [...new Set(points.map((point) => point.system))];
  $("sizes-none").textContent = systems.length ? "" : "No system was measured at more than one size; 'isdbench sweep' does that.";
  $("sizes-controls").hidden = !systems.length;
  for (const [id, field] of [["sizes-latency", "latency_ms"], ["sizes-memory", "memory_mib"]]) {
    $(id).hidden = !systems.length;
    if (!systems.length) continue;
    const traces = systems.map((name, index) => {
      const own = points.filter((point) => point.system === name);
      return { name: literal(name), x: own.map((p) => p.megapixels), y: own.map((p) => p[field]), mode: "lines+markers+text",
        text: own.map((_, place) => (place === own.length - 1 ? ` ${literal(name)}` : "")), textposition: "middle right",
        textfont: { size: 10 }, showlegend: false, cliponaxis: false,
        line: { color: colours()[index % COLOURS.length], width: 1.5 }, marker: { symbol: SYMBOLS[index % SYMBOLS.length], size: 7 } };
    });
    plot($(id), traces, { margin: { l: 60, r: 150, t: 20, b: 50 }, xaxis: { type: "log", title: { text: "megapixels" } },
      yaxis: { type: "log", title: { text: field } } });
  }
}

function showImages() {
  const none = !DATA.examples.length;
  $("images-body").hidden = none;
  $("images-none").textContent = none ? "There are no pictures yet; 'isdbench figure' makes them." : "";
  if (none) return;
  const example = DATA.examples.find((one) => one.name === $("image-choice").value), views = Object.keys(example.views);
  for (const [id, first] of [["image-left", 0], ["image-right", views.length - 1]]) {
    const kept = $(id).value;
    fill($(id), views);
    $(id).value = views.includes(kept) ? kept : views[first];
  }
  showPair();
}

function showPair() {
  const example = DATA.examples.find((one) => one.name === $("image-choice").value);
  for (const [image, choice] of [["image-a", "image-left"], ["image-b", "image-right"]]) {
    $(image).src = example.views[$(choice).value];
    $(image).alt = `${example.name}: ${$(choice).value}`;
  }
}

function showAudit() {
  const wanted = $("audit-choice").value;
  const rows = DATA.audit.filter((one) => wanted === "all" || one.verdict === wanted).map((one) => ({ cells: [
    { text: one.also ? `${one.quote} (also ${one.also})` : one.quote, look: "long" }, { text: one.where, look: "word" },
    { text: one.reading, look: "long" }, { text: one.rule, look: "long" }, { text: one.recomputed, look: "long" },
    { text: one.verdict, look: "word" }, { text: one.why, look: "long" }, { text: one.source, look: "word" },
    { text: one.records, look: "word" }] }));
  const heads = ["The paper says", "Where", "Read as", "Rule", "Numbers", "Verdict", "Why", "Source", "By our records"];
  sortable($("audit-place"), heads.map((label) => ({ label })), rows);
}

function showSpeeds() {
  const rows = DATA.speeds.map((one) => ({ cells: [{ text: one.table, look: "word" }, { text: one.method, look: "word" },
    { text: one.system, look: "word" }, { text: one.fps, value: Number(one.fps) },
    { text: one.gflops === null ? "" : one.gflops.toFixed(0), value: one.gflops }, { text: one.verdict, look: "word" }] }));
  const columns = [{ label: "Table" }, { label: "Method" }, { label: "Counted on" }, { label: "FPS (paper)", number: true },
    { label: "GFLOPs an image", number: true }, { label: "Verdict" }];
  sortable($("speeds-place"), columns, rows);
}

// Tables that answer most come first: those with accuracy and speed of ours.
const answers = (table) => table.rows.filter((row) => valueOf(table, row, "miou_paper", "ours") !== null && valueOf(table, row, "FPS", "ours") !== null).length;
const ordered = DATA.tables.map((table) => [answers(table), table]).sort((a, b) => b[0] - a[0]).map(([, table]) => table);
fill($("table-choice"), ordered.map((table) => table.name), titles(ordered));
fill($("sizes-hardware"), [...new Set(DATA.sizes.map((point) => point.hardware))]);
$("sizes-hardware").addEventListener("change", showSizes);
fill($("image-choice"), DATA.examples.map((one) => one.name));
fill($("audit-choice"), ["all", ...new Set(DATA.audit.map((one) => one.verdict))]);
$("table-choice").addEventListener("change", () => { showTable(); showChoice(); });
$("table-filter").addEventListener("input", showTable);
for (const id of ["choice-side", "limit-memory", "limit-latency"]) $(id).addEventListener("input", showChoice);
$("image-choice").addEventListener("change", showImages);
for (const id of ["image-left", "image-right"]) $(id).addEventListener("change", showPair);
$("image-cut").addEventListener("input", () => $("image-compare").style.setProperty("--cut", `${$("image-cut").value}%`));
$("audit-choice").addEventListener("change", showAudit);
if (DATA.tables.length) { showTable(); showChoice(); }
showSizes(); showImages(); showAudit(); showSpeeds();
