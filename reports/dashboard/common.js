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

function fill(select, names, values) {
  select.replaceChildren(...names.map((name, index) => element("option", name, { value: values ? values[index] : name })));
}

function definitions(pairs) {
  const list = element("dl");
  for (const [name, value] of pairs) list.append(element("dt", name), element("dd", String(value)));
  return list;
}

// Plotly reads some HTML in names: what would open a tag or an entity is made literal.
const literal = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const short = (value) => (value >= 1000 ? value.toFixed(0) : value.toPrecision(3));

// The page's own colours: a probe turns "light-dark(...)" into the one that applies.
function colour(name) {
  const probe = element("span", null, { style: `color: var(--${name})` });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const MARGIN = { l: 55, r: 15, t: 10, b: 45 };
const drawn = new Map();  // how to draw each plot again when the theme or the width changes

function plot(place, traces, layout) {
  const axis = { gridcolor: colour("line"), zeroline: false, linecolor: colour("out"), fixedrange: true, dtick: "D2" };
  const base = { paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: { color: colour("ink"), size: 12 },
    margin: MARGIN, showlegend: false };
  const all = { ...base, ...layout };
  for (const name of ["xaxis", "yaxis"]) {
    all[name] = { ...axis, ...layout[name] };
    if (all[name].type !== "log") delete all[name].dtick;
  }
  Plotly.react(place, traces, all, { displayModeBar: false, scrollZoom: false });
}

function redraw(place, draw) {
  drawn.set(place, draw);
  draw();
}

const drawAll = () => { for (const draw of drawn.values()) draw(); };

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  drawAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
