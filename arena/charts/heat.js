/* global Plotly */
// Draws heat maps with plotly in the colours of the page, again when day turns to night.
// Where the figures come from is not known here: each lies as JSON in its own element.
(() => {
  "use strict";
  const night = matchMedia("(prefers-color-scheme: dark)");

  const colour = (name, fallback) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim() || fallback;

  const FONT = getComputedStyle(document.documentElement).fontFamily;
  const pen = document.createElement("canvas").getContext("2d");

  function wide(text, size) {
    pen.font = `${size}px ${FONT}`;
    return pen.measureText(text).width;
  }

  const READABLE = 9; // pixels: the smallest size of numbers
  const APART = 2; // pixels between two of them
  const NAMED = 48; // pixels that a name keeps where numbers need its room
  const TIGHT = 80; // pixels: with less for each, names are set smaller
  const EDGES = 26; // pixels beside names and cells

  function shortened(name, size, room) {
    if (wide(name, size) <= room) return name;
    // From the middle: names of one family differ at their ends, as in "7b-nf4" and "7b-int8".
    const letters = [...name]; // whole ones: a string may break one in two
    let kept = letters.length;
    const cut = () => {
      const tail = letters.slice(letters.length - Math.floor(kept / 2));
      return [...letters.slice(0, Math.ceil(kept / 2)), "…", ...tail].join("");
    };
    while (kept && wide(cut(), size) > room) kept -= 1;
    return cut();
  }

  const begins = (names, length) => names.every((name) => name.startsWith(names[0].slice(0, length)));

  // Where names that are cut look alike, the beginning that all of them share goes first.
  function labels(names, size, room) {
    const short = names.map((name) => shortened(name, size, room));
    if (new Set(short).size === new Set(names).size) return short;
    let shared = 0;
    while (shared < names[0].length && begins(names, shared + 1)) shared += 1;
    return shared < 2 ? short : names.map((name) => shortened(`…${name.slice(shared)}`, size, room));
  }

  // Plotly reads markup; a name is none.
  const literal = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

  function rgb(text) {
    const probe = document.createElement("i");
    probe.style.color = text;
    probe.style.forcedColorAdjust = "none"; // the colour itself, whatever text is forced to be
    document.body.append(probe);
    const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
    probe.remove();
    return parts;
  }

  const clear = (text, alpha) => `rgba(${rgb(text).join(",")},${alpha})`;

  function mixed(ends, share) {
    const [from, to] = ends.map(rgb);
    return `rgb(${from.map((part, i) => Math.round(part + (to[i] - part) * share)).join(",")})`;
  }

  const widest = ({ cells }) => Math.max(...cells.text.flat().map((text) => wide(text, 100))) / 100;

  // `ems`: how wide the numbers of all maps of the page are, and those of this one.
  function draw(box, { kind, cells, pale, outlined }, ems) {
    const card = colour("--card", "#fff");
    const ink = colour("--ink", "#1b1f24");
    const mute = colour("--mute", "#667085");
    const high = colour("--hi", "#3b6f4f");
    const low = colour("--lo", "#9a8f7a");
    const strong = 0.86; // the strongest cell still carries its number
    const models = cells.x.length;
    const small = models > 24;
    // Numbers are as large as their cells bear. Where that is too small to read, cells keep a width,
    // names give way first, and then the box, which is narrower than its map, scrolls.
    const em = ems[1];
    const least = (em) => (small ? 0 : READABLE * em + APART);
    const spares = ems.map((em) => box.clientWidth - models * least(em) - EDGES);
    const spare = spares.find((spare) => spare >= NAMED) ?? Infinity; // maps are alike if they can
    const room = Math.min(170, box.clientWidth * 0.36, spare);
    const size = small ? 9 : room < TIGHT ? 11 : 12.5; // pixels, of names
    const short = labels(cells.y, size, room);
    const longest = Math.max(...short.map((name) => wide(name, size)));
    const margin = longest + 12;
    const tilt = longest > 26 ? 40 : 0; // degrees
    const foot = Math.ceil(Math.sin((tilt * Math.PI) / 180) * longest) + 24;
    const side = Math.max(box.clientWidth - longest - EDGES, models * least(em), 120);
    const places = cells.x.map((_, i) => i);
    const heat = {
      ...cells,
      x: places,
      y: places,
      text: cells.text,
      customdata: cells.z.map((row, i) =>
        row.map((_, j) => [...[cells.y[i], cells.x[j]].map(literal), cells.customdata[i][j], cells.text[i][j]])),
      colorscale: [
        [0, mixed([card, low], strong)],
        [0.5, card],
        [1, mixed([card, high], strong)],
      ],
      textfont: { color: ink, size: Math.min(models > 14 ? 10 : 12, (side / models - APART) / em) },
      hoverlabel: { bgcolor: card, bordercolor: colour("--line", "#ddd"), font: { color: ink } },
    };
    const veil = {
      ...heat,
      z: pale,
      zmin: 0,
      zmax: 1,
      colorscale: [[0, clear(card, 0)], [1, clear(card, 0.75)]],
    };
    const ground = {
      type: "heatmap", x: places, y: places, z: cells.z.map((row) => row.map(() => 0)),
      zmin: 0, zmax: 1, xgap: cells.xgap, ygap: cells.ygap, showscale: false, hoverinfo: "skip",
      colorscale: [[0, colour("--soft", "#f1efe9")], [1, colour("--soft", "#f1efe9")]],
    };
    // numbers and hover texts belong to the upper layer alone
    const under = { ...heat, texttemplate: "", hovertemplate: null, hoverinfo: "skip" };
    const upper = { ...veil, z: pale.map((row, i) => row.map((v, j) => (cells.z[i][j] === null ? null : v))) };
    const height = small ? side : Math.min(side, models * 54);
    const edge = small ? 0.5 : 0.47; // of a cell, inside its gap
    const frames = outlined.map(([row, column]) => ({
      type: "rect", xref: "x", yref: "y", layer: "above", fillcolor: "rgba(0,0,0,0)",
      x0: column - edge, x1: column + edge, y0: row - edge, y1: row + edge,
      line: { color: ink, width: small ? 1.2 : 2 },
    }));
    const axis = {
      tickvals: places, ticktext: short.map(literal), showgrid: false, zeroline: false, fixedrange: true,
      tickfont: { color: mute, size, family: FONT }, ticks: "", automargin: false,
    };
    if (!box.dataset.drawn) box.replaceChildren(); // what stood there while it was waited for
    Plotly.react(
      box,
      [ground, under, upper],
      {
        margin: { l: margin, r: 14, t: 4, b: foot },
        height: height + foot + 4,
        width: margin + side + 14,
        xaxis: { ...axis, tickangle: -tilt },
        yaxis: { ...axis, autorange: "reversed", ticklabelstandoff: 5 },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: FONT },
        shapes: frames,
        dragmode: false,
      },
      { displayModeBar: false, responsive: true, scrollZoom: false },
    );
    box.dataset.kind = kind;
    box.dataset.drawn = "yes";
  }

  function all() {
    const boxes = [...document.querySelectorAll("[data-figure]")];
    const figures = boxes.map((box) => JSON.parse(box.dataset.figure));
    const ems = figures.map(widest);
    boxes.forEach((box, i) => draw(box, figures[i], [Math.max(...ems), ems[i]]));
  }

  addEventListener("load", all);
  night.addEventListener("change", all);
  let later = 0;
  addEventListener("resize", () => {
    clearTimeout(later);
    later = setTimeout(all, 150);
  });
})();
