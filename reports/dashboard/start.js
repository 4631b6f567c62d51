// The pictures, and what happens when a control changes.
function showImages() {
  const none = !DATA.examples.length;
  $("images-body").hidden = none;
  $("images-text").textContent = none ? "There are no pictures yet; 'isdbench figure' makes them." : "Two views of one image: the slider moves the border between them.";
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

function showSettings() {
  const own = DATA.tables.map((table, index) => ({ table, index })).filter(({ table }) => table.subject === $("table-choice").value);
  fill($("setting-choice"), own.map(({ table }) => table.setting), own.map(({ index }) => index));
}

function showChosen() {
  showCaption(); showBest(); showFits(); showTable();
}

function start() {
  fill($("table-choice"), [...new Set(DATA.tables.map((table) => table.subject))]);
  fill($("image-choice"), DATA.examples.map((one) => one.name));
  fill($("sizes-choice"), DATA.sizes.map((one) => one.setting), DATA.sizes.map((_, index) => index));
  if (DATA.tables.length) {
    $("table-choice").value = DATA.tables[DATA.first].subject;
    showSettings();
    $("setting-choice").value = DATA.first;
    showChosen();
  }
  showSizes(); showImages(); showPaper();
}

const HANDLERS = { "table-choice": () => { showSettings(); showChosen(); }, "setting-choice": showChosen, "table-filter": showTable,
  "side-choice": () => { showBest(); showFits(); }, "limit-memory": showFits, "limit-latency": showFits, "sizes-choice": showSizes,
  "image-choice": showImages, "image-left": showPair, "image-right": showPair, "verdict-choice": showAudit, "records-choice": showAudit,
  "image-cut": () => $("image-compare").style.setProperty("--cut", `${$("image-cut").value}%`) };
for (const [id, handler] of Object.entries(HANDLERS)) $(id).addEventListener("input", handler);
start();
