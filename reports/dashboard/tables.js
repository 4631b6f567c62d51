// Tables: choose, filter, sort, and open the records behind a row.
const current = () => DATA.tables.find((table) => table.name === $("table-choice").value);

// A method's name; where a table has it twice, with the group that tells the two apart.
function nameOf(table, row) {
  const twice = table.rows.filter((other) => other.label === row.label).length > 1;
  return twice ? `${row.label} (${row.group.split(" ")[0].toLowerCase()})` : row.label;
}

// Titles for the choice; equal ones are told apart by profile and machine.
function titles(tables) {
  const facts = (table) => [/profile [\w-]+/, /(?:fp32|fp16|bf16) on [^.(]+/].map((part) => (table.caption.join(" ").match(part) || [""])[0]);
  return tables.map((table) => [table.title, ...facts(table)].filter(Boolean).join(" · "));
}

function keysOf(row) {
  return [...new Set(row.cells.flatMap((cell) => cell.records))];
}

function rowCells(table, row) {
  const keys = keysOf(row), label = nameOf(table, row), name = { text: label, look: "word" };
  if (keys.length) {
    name.node = element("button", label, { type: "button", "aria-haspopup": "dialog" });
    name.node.addEventListener("click", () => openRecords(label, keys));
  }
  const values = row.cells.map((cell) => ({
    text: cell.text, value: cell.value, spread: cell.spread,
    look: cell.mark || (cell.value === null && cell.text ? "missing" : ""),
  }));
  return [name, { text: row.fidelity, look: "word" }, ...values];
}

function showTable() {
  const table = current(), wanted = $("table-filter").value.toLowerCase();
  $("table-caption").replaceChildren(...table.caption.flatMap((text) => [text, element("br")]));
  $("table-details").replaceChildren(element("summary", "Details"), ...table.details.flatMap(([heading, lines]) => {
    const list = element("ul");
    list.append(...lines.map((text) => element("li", text)));
    return [element("h3", heading), list];
  }));
  const columns = [{ label: "Method" }, { label: "Fidelity" },
    ...table.columns.map((column) => ({ label: `${column.head}: ${column.label}`, number: true }))];
  const kept = table.rows.filter((row) => [row.label, row.system, row.group, row.fidelity].join(" ").toLowerCase().includes(wanted));
  const rows = [];
  let group = null;
  for (const row of kept) {
    if (row.group !== group && row.group) rows.push({ kind: "group", cells: [{ text: row.group }] });
    group = row.group;
    rows.push({ cells: rowCells(table, row) });
  }
  $("table-count").textContent = `${table.title}: ${kept.length} of ${table.rows.length} rows`;
  sortable($("table-place"), columns, rows);
}

function facts(record) {
  const cost = record.cost, accuracy = record.accuracy, protocol = record.cell.protocol;
  const list = { status: record.status, reason: record.reason, system: record.cell.system, kind: record.cell.kind,
    dataset: record.cell.dataset, recipe: record.cell.recipe, profile: record.cell.profile, seed: record.cell.seed,
    image: `${protocol.height}x${protocol.width}`, precision: protocol.precision, hardware: record.cell.hardware,
    protocol: record.protocol_hash, commit: record.provenance.git_commit, dirty: record.provenance.git_dirty,
    command: record.provenance.command, created: record.provenance.created, key: record.key };
  if (accuracy) Object.assign(list, { miou_paper: accuracy.miou_paper, miou_dataset: accuracy.miou_dataset,
    boundary_iou: accuracy.boundary_iou, weights: accuracy.weights, iterations: accuracy.iterations, ...accuracy.iou });
  for (const one of cost ? cost.samples : []) {
    for (const name of ["median_ms", "p90_ms", "p99_ms"]) list[`${one.region} ${name}`] = one[name];
  }
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
    const list = element("dl");
    for (const [name, value] of facts(record)) list.append(element("dt", name), element("dd", String(value)));
    $("record-body").append(element("h3", `${record.cell.kind}: ${record.cell.system}`), list);
    for (const samples of record.cost ? record.cost.samples : []) {
      const place = element("div", null, { class: "plot", style: "height: 14rem" });
      $("record-body").append(place);
      plot(place, [{ y: samples.latencies_ms, mode: "lines+markers", name: samples.region, marker: { size: 5 } }],
        { title: { text: `${samples.region}: raw samples`, font: { size: 12 } }, xaxis: { title: { text: "sample" } },
          yaxis: { title: { text: "latency_ms" } } });
    }
  }
}
$("record").addEventListener("close", () => {
  for (const place of $("record-body").querySelectorAll(".plot")) Plotly.purge(place);
});
