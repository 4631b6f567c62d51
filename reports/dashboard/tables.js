// All values of a table: filter, sort, and open the records behind a row.
function keysOf(row) {
  return [...new Set(row.cells.flatMap((cell) => cell.records))];
}

function rowCells(row) {
  const keys = keysOf(row), name = { text: row.name };
  if (keys.length) {
    name.node = element("button", row.name, { type: "button", "aria-haspopup": "dialog" });
    name.node.addEventListener("click", () => openRecords(row.name, keys));
  }
  const values = row.cells.map((cell) => ({
    text: cell.text, value: cell.value, spread: cell.spread,
    look: cell.mark || (cell.value === null && cell.text ? "missing" : ""),
  }));
  const latency = row.latency_ms.map((value) => ({ text: value === null ? "" : short(value), value }));
  return [name, ...values, ...latency, { text: row.fidelity, look: "word" }];
}

function showTable() {
  const table = current(), wanted = $("table-filter").value.toLowerCase();
  const latency = ["median", "p90", "p99"].map((label) => ({ label, head: "Latency, ours (ms)", number: true }));
  const columns = [{ label: "Method" }, ...table.columns.map((column) => ({ label: column.label, head: column.head, number: true })),
    ...latency, { label: "Fidelity" }];
  const kept = table.rows.filter((row) => [row.name, row.system, row.group, row.fidelity].join(" ").toLowerCase().includes(wanted));
  const rows = [];
  let group = null;
  for (const row of kept) {
    if (row.group !== group && row.group) rows.push({ kind: "group", cells: [{ text: row.group }] });
    group = row.group;
    rows.push({ cells: rowCells(row) });
  }
  $("table-count").textContent = `${kept.length} of ${table.rows.length} rows.`;
  sortable($("table-place"), columns, rows);
}

function showCaption() {
  const table = current();
  $("table-caption").replaceChildren(...[table.title, ...table.caption].flatMap((text) => [text, element("br")]));
  $("table-details").replaceChildren(element("summary", "Details"), ...table.details.flatMap(([heading, lines]) => {
    const list = element("ul");
    list.append(...lines.map((text) => element("li", text)));
    return [element("h3", heading), list];
  }));
}

function facts(record) {
  const cost = record.cost, accuracy = record.accuracy, protocol = record.cell.protocol;
  const list = { status: record.status, reason: record.reason, system: record.cell.system, kind: record.cell.kind,
    dataset: record.cell.dataset, recipe: record.cell.recipe, profile: record.cell.profile, seed: record.cell.seed,
    image: `${protocol.height}x${protocol.width}`, precision: protocol.precision, hardware: record.cell.hardware,
    protocol: record.protocol_hash, commit: record.provenance.git_commit, dirty: record.provenance.git_dirty,
    "measured by": record.provenance.by, "measured also by": record.repeated.join("; "), command: record.provenance.command, created: record.provenance.created, key: record.key };
  if (accuracy) Object.assign(list, { miou_paper: accuracy.miou_paper, miou_dataset: accuracy.miou_dataset,
    boundary_iou: accuracy.boundary_iou, weights: accuracy.weights, iterations: accuracy.iterations, ...accuracy.iou });
  if (cost) Object.assign(list, { parameters: cost.parameters, flops: cost.flops ?? cost.flops_reason,
    ...Object.fromEntries(Object.entries(cost.memory).map(([name, probe]) => [name, probe.mib ?? probe.reason])),
    ...cost.work });
  return Object.entries(list).filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function openRecords(label, keys) {
  $("record-head").textContent = `Records behind ${label}`;
  $("record-body").replaceChildren();
  $("record").showModal();
  for (const key of keys) {
    const record = DATA.records[key];
    if (!record) continue;
    $("record-body").append(element("h3", `${record.cell.kind}: ${record.cell.system}`), definitions(facts(record)));
    for (const samples of record.cost ? record.cost.samples : []) {
      const place = element("div", null, { class: "plot", role: "group", style: "height: 13rem", "aria-label": `raw samples of ${samples.region}` });
      const percentiles = ["median", "p90", "p99"].map((name) => `${name} ${short(samples[`${name}_ms`])} ms`).join(", ");
      $("record-body").append(element("p", `${samples.region}: ${samples.latencies_ms.length} raw samples; ${percentiles}.`), place);
      redraw(`sample-${key}-${samples.region}`, () => plot(place, [{ y: samples.latencies_ms, mode: "lines+markers", marker: { size: 5 }, line: { color: colour("mark") } }],
        { xaxis: { title: { text: "sample" } }, yaxis: { title: { text: "latency (ms)" }, rangemode: "tozero" } }));
    }
  }
}
$("record").addEventListener("close", () => {
  for (const name of [...drawn.keys()]) if (name.startsWith("sample-")) drawn.delete(name);
  for (const place of $("record-body").querySelectorAll(".plot")) Plotly.purge(place);
});
