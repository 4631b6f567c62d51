// A table whose columns sort: `columns` are {label, head, number}, `rows` are {cells: [{text, value, node, spread, look}], kind}.
function sortable(place, columns, rows) {
  let by = null, descending = false;
  const table = element("table"), head = table.createTHead(), body = table.createTBody();
  if (columns.some((column) => column.head)) head.append(headline(columns));
  const labels = head.insertRow();
  const cells = columns.map((column, index) => {
    const cell = element("th", null, { scope: "col", class: column.number ? "" : "word" });
    const button = element("button", column.label, { type: "button" });
    if (column.head) button.setAttribute("aria-label", `${column.head}: ${column.label}`);
    button.addEventListener("click", () => {
      descending = by === index ? !descending : Boolean(column.number);
      by = index;
      show();
    });
    cell.append(button);
    labels.append(cell);
    return cell;
  });
  const key = (row) => row.cells[by].value ?? (columns[by].number ? null : row.cells[by].text);
  function order(a, b) {
    const [left, right] = [key(a), key(b)];
    if (left === null || right === null) return (left === null) - (right === null);  // blanks last, both ways
    const sign = typeof left === "number" ? left - right : left.localeCompare(right);
    return descending ? -sign : sign;
  }
  function show() {
    cells.forEach((cell, index) => {
      if (index === by) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    const kept = by === null ? rows : rows.filter((row) => row.kind !== "group").sort(order);
    body.replaceChildren(...kept.map((row) => row.line));
  }
  for (const row of rows) row.line = line(row, columns.length);
  show();
  place.replaceChildren(table);
}

function headline(columns) {
  const row = element("tr");
  let last = null;
  for (const column of columns) {
    if (last && column.head && column.head === last.head) { last.cell.colSpan += 1; continue; }
    const cell = column.head ? element("th", column.head, { scope: "colgroup" }) : element("td");
    last = { head: column.head, cell };
    row.append(cell);
  }
  return row;
}

function line(row, width) {
  const made = element("tr", null, { class: row.kind || "" });
  if (row.kind === "group") {
    made.append(element("th", row.cells[0].text, { colspan: width, scope: "rowgroup" }));
    return made;
  }
  row.cells.forEach((cell, index) => {
    const place = element(index ? "td" : "th", cell.node ? null : cell.text, { class: cell.look || "" });
    if (!index) place.setAttribute("scope", "row");
    if (cell.node) place.append(cell.node);
    if (cell.spread) place.append(" ", element("span", cell.spread, { class: "spread" }));
    made.append(place);
  });
  return made;
}
