"use strict";
// Text reaches the page through textContent alone, so that no name in a record can become markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

function element(tag, text, attributes) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  return made;
}

function fill(select, names, texts) {
  select.replaceChildren(...names.map((name, index) => element("option", texts ? texts[index] : name, { value: name })));
}

// Plotly reads some HTML in names: what would open a tag or an entity is made literal.
const literal = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C7A00", "#888888"];
const COLOURS_DARK = ["#56B4E9", "#E69F00", "#2FC79B", "#E3A0C4", "#A6D8F5", "#FF8A3D", "#D9C84B", "#BBBBBB"];
const colours = () => (dark() ? COLOURS_DARK : COLOURS);
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star"];

function plot(place, traces, layout) {
  const ink = getComputedStyle(document.documentElement).color;
  const axis = { gridcolor: "#8884", zeroline: false, linecolor: ink };
  const base = { paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: { color: ink, size: 12 },
    margin: { l: 60, r: 10, t: 30, b: 50 }, legend: { orientation: "h", y: -0.25 } };
  const all = { ...base, ...layout, xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis } };
  Plotly.react(place, traces, all, { responsive: true, displayModeBar: false, scrollZoom: false });
}

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  if (DATA.tables.length) showChoice();
  showSizes();
});

// A table whose columns sort: `columns` are {label, group, number}, `rows` are {cells: [{text, value, node}], kind}.
function sortable(place, columns, rows) {
  let by = null, descending = false;
  const table = element("table"), head = table.createTHead().insertRow(), body = table.createTBody();
  const buttons = columns.map((column, index) => {
    const cell = element("th", null, { scope: "col", class: column.number ? "" : "word" }), button = element("button", column.label, { type: "button" });
    button.addEventListener("click", () => {
      descending = by === index ? !descending : Boolean(column.number);
      by = index;
      show();
    });
    cell.append(button);
    head.append(cell);
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
    buttons.forEach((cell, index) => {
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

function line(row, width) {
  const made = element("tr", null, { class: row.kind || "" });
  if (row.kind === "group") {
    made.append(element("th", row.cells[0].text, { colspan: width, scope: "rowgroup" }));
    return made;
  }
  for (const cell of row.cells) {
    const place = element("td", cell.node ? null : cell.text, { class: cell.look || "" });
    if (cell.node) place.append(cell.node);
    if (cell.spread) place.append(" ", element("span", cell.spread, { class: "spread" }));
    made.append(place);
  }
  return made;
}
