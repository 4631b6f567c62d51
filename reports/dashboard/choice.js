// Which is best, and which fits a budget: the systems of the chosen table, by our values or the paper's.
const METRICS = [
  { head: "miou_paper", title: "Accuracy", unit: "%", better: "higher is better", up: true },
  { head: "FPS", title: "Speed", unit: "images a second", better: "higher is better", up: true },
  { head: "Memory", title: "Memory", unit: "MiB", better: "lower is better", up: false },
];
const AT_ONCE = 8;  // bars of a metric before "more"

const current = () => DATA.tables[Number($("setting-choice").value)];
const side = () => $("side-choice").value;

function cellOf(table, row, head, which) {
  const index = table.columns.findIndex((column) => column.head.startsWith(head) && column.name.endsWith("_" + which));
  return index < 0 ? null : row.cells[index];
}

function ranked(table, metric) {
  if (metric.head === "miou_paper" && side() === "ours" && table.untrained) return [];
  const found = table.rows.filter((row) => row.fidelity !== "reference")
    .map((row) => ({ name: row.name, cell: cellOf(table, row, metric.head, side()) }))
    .filter((one) => one.cell && one.cell.value !== null && one.cell.status !== "quoted");
  return found.sort((a, b) => (metric.up ? b.cell.value - a.cell.value : a.cell.value - b.cell.value));
}

function verdict(list) {
  if (!list.length) return "No value that may be ranked.";
  const marked = list.filter((one) => one.cell.mark === "best");
  if (marked.length) return `Best: ${marked.map((one) => one.name).join(" and ")}.`;
  if (side() === "printed") return `Best in print: ${list[0].name}.`;
  return `First is ${list[0].name}, but fewer than six runs have no interval: values are listed, not ranked.`;
}

function bars(list, largest) {
  const made = element("ol", null, { class: "bars", role: "list" });
  for (const { name, cell } of list) {
    const item = element("li"), bar = element("span", null, { class: `bar ${cell.mark}`, style: `width: ${(100 * cell.value) / largest}%` });
    item.append(element("span", name), bar, element("span", cell.text, { class: "value" }));
    made.append(item);
  }
  return made;
}

function showBest() {
  const table = current();
  $("best-bars").replaceChildren(...METRICS.map((metric) => {
    const list = ranked(table, metric), panel = element("div"), largest = Math.max(...list.map((one) => one.cell.value));
    panel.append(element("h3", `${metric.title} (${metric.unit}, ${metric.better})`), element("p", verdict(list)));
    if (list.length) panel.append(bars(list.slice(0, AT_ONCE), largest));
    if (list.length > AT_ONCE) {
      const more = element("details");
      more.append(element("summary", `${list.length - AT_ONCE} more`), bars(list.slice(AT_ONCE), largest));
      panel.append(more);
    }
    return panel;
  }));
}

function points(table) {
  const value = (row, head) => { const cell = cellOf(table, row, head, side()); return cell ? cell.value : null; };
  const untrained = side() === "ours" && table.untrained;
  return table.rows.filter((row) => row.fidelity !== "reference")
    .map((row) => ({ name: row.name, accuracy: untrained ? null : value(row, "miou_paper"), fps: value(row, "FPS"), memory: value(row, "Memory") }))
    .filter((point) => point.fps)
    .map((point) => ({ ...point, latency: 1000 / point.fps }))
    .sort((a, b) => a.latency - b.latency);
}

function showFits() {
  const timed = points(current()), all = timed.filter((point) => point.accuracy !== null), most = (id) => ($(id).value === "" ? Infinity : Number($(id).value));
  const within = (value, limit) => limit === Infinity || (value !== null && value <= limit);
  const fits = (point) => within(point.latency, most("limit-latency")) && within(point.memory, most("limit-memory"));
  const good = all.filter(fits);
  const front = good.filter((a) => !good.some((b) => b.latency < a.latency && b.accuracy > a.accuracy));
  const largest = Math.max(0, ...all.map((point) => point.memory || 0));
  $("fits-area").textContent = largest ? `Area: memory; the largest is ${largest.toFixed(0)} MiB.` : "";
  const names = (list) => list.map((point) => point.name).join(", ") || "none", cheap = timed.filter(fits);
  $("fits-text").textContent = all.length
    ? `${good.length} of ${all.length} systems fit; those that none of them beats in both speed and accuracy: ${names(front)}.`
    : `This table has no accuracy that counts. By cost alone ${cheap.length} of ${timed.length} systems fit, fastest first: ${names(cheap)}.`;
  $("fits-plot").hidden = $("fits-key").hidden = !all.length;
  if (all.length) redraw("fits", () => scatter($("fits-plot"), all, front, fits, largest));
}
