// Does the paper hold: the audit of its claims and of its printed speeds.
const OPEN = "all but 'holds'";

function count(values) {
  const found = new Map();
  for (const value of values) found.set(value, (found.get(value) || 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1]);
}

const listed = (counts) => counts.map(([value, number]) => `${value}: ${number}`).join(", ");

function claim(one) {
  const made = element("details");
  made.append(element("summary", one.quote), definitions([["where", one.where], ["also", one.also], ["read as", one.reading], ["rule", one.rule],
    ["numbers", one.recomputed], ["why", one.why], ["source", one.source], ["our records", one.records_recomputed]].filter(([, value]) => value)));
  return { node: made, text: one.quote, look: "long" };
}

function showAudit() {
  const chosen = (id, value) => ["all", value].includes($(id).value) || ($(id).value === OPEN && value !== "holds");
  const rows = DATA.audit.filter((one) => chosen("verdict-choice", one.verdict) && chosen("records-choice", one.records))
    .map((one) => ({ cells: [claim(one), { text: one.verdict, look: "long" }, { text: one.records, look: "long" }] }));
  sortable($("audit-place"), [{ label: "The paper says" }, { label: "By its own numbers" }, { label: "By our records" }], rows);
}

function showSpeeds() {
  const rows = DATA.speeds.map((one) => ({ cells: [{ text: one.method }, { text: one.table, look: "word" },
    { text: one.system, look: "word" }, { text: one.fps, value: Number(one.fps) },
    { text: one.gflops === null ? "" : one.gflops.toFixed(0), value: one.gflops }, { text: one.verdict, look: "word" }, { text: one.note, look: "long" }] }));
  const columns = [{ label: "Method" }, { label: "Table" }, { label: "Counted on" }, { label: "FPS (paper)", number: true },
    { label: "GFLOPs an image", number: true }, { label: "Verdict" }, { label: "Note" }];
  sortable($("speeds-place"), columns, rows);
}

function showPaper() {
  const verdicts = count(DATA.audit.map((one) => one.verdict)), records = count(DATA.audit.map((one) => one.records));
  $("paper-text").textContent = `Of ${DATA.audit.length} claims, by the paper's own numbers – ${listed(verdicts)}. By our records – ${listed(records)}.`;
  fill($("verdict-choice"), [OPEN, "all", ...verdicts.map(([value]) => value)]);
  fill($("records-choice"), ["all", ...records.map(([value]) => value)]);
  showAudit();
  showSpeeds();
}
