"use strict";
// The report: tables that sort and filter, cards of objects, the plot. Everything it knows is in #data.
const report = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = new Map(data.objects.map((object, place) => [object.id, place]));
  const PAGE = 50;

  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // ------------------------------------------------------------------------------------------------------- theme
  const root = document.documentElement;
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const recall = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (recall()) root.dataset.theme = recall();
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* not remembered, then */ }
    paint();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint());

  // ------------------------------------------------------------------------------------------------------ tables
  // the first number of a cell, else NaN: "≥ 35", "[5.017e-5, …]", "17.3 % (…)"
  const number = (text) => {
    const found = /-?\d+(\.\d+)?(e[+-]?\d+)?/i.exec(text);
    return found && /^[^a-z]*$/i.test(text.slice(0, found.index)) ? Number(found[0]) : NaN;
  };
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return a < b ? -1 : a > b ? 1 : 0;
  };

  function table(section) {
    const node = section.querySelector("table");
    const { headings, cells, left } = data.tables[node.dataset.name];
    const [head, body] = [node.tHead, node.tBodies[0]];
    const [input, count, pages] = [".filter", ".count", ".pages"].map((name) => section.querySelector(name));
    let [sorted, order, page] = [null, 1, 0];
    const line = element("tr");
    headings.forEach((heading, k) => {
      const cell = element("th", undefined, { scope: "col", class: left.includes(k) ? "left" : "" });
      const button = element("button", heading, { type: "button" });
      button.addEventListener("click", () => {
        order = sorted === k ? -order : 1;
        sorted = k;
        page = 0;
        [...line.children].forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", order > 0 ? "ascending" : "descending");
        fill();
      });
      cell.append(button);
      line.append(cell);
    });
    head.append(line);

    function fill() {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let rows = cells.filter((row) => {
        const text = row.join(" ").toLowerCase();
        return words.every((word) => text.includes(word));
      });
      if (sorted !== null) rows = rows.toSorted((a, b) => order * compare(a[sorted], b[sorted]));
      const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
      page = Math.min(page, last);
      body.replaceChildren(...rows.slice(page * PAGE, (page + 1) * PAGE).map((row) => {
        const tr = element("tr");
        row.forEach((text, k) => {
          const td = element("td", undefined, { class: left.includes(k) ? "left" : "" });
          if (byId.has(text)) td.append(element("a", text, { href: `#object=${text}` }));
          else td.textContent = text;
          tr.append(td);
        });
        return tr;
      }));
      count.textContent = rows.length === cells.length ? `${cells.length} rows` : `${rows.length} of ${cells.length} rows`;
      pages.replaceChildren();
      if (last > 0) {
        const turn = (text, to, name) => {
          const button = element("button", text, { type: "button", "aria-label": name });
          button.disabled = to < 0 || to > last;
          button.addEventListener("click", () => { page = to; fill(); });
          return button;
        };
        pages.append(turn("‹", page - 1, "previous page"), ` ${page + 1}/${last + 1} `, turn("›", page + 1, "next page"));
      }
    }
    input.addEventListener("input", () => { page = 0; fill(); });
    fill();
  }
  document.querySelectorAll("section.table").forEach(table);

  // ------------------------------------------------------------------------------------------------------- cards
  const card = document.getElementById("card");
  let [open, picked] = [0, null];

  // the weight plane: teacher as stars, neurons as circles (filled: positive output), merging groups with a direction
  function picture(object) {
    if (!object.picture.length) return element("p", "No picture: the inputs have another dimension than 2.");
    const points = object.picture.map((unit) => unit[1]).concat(data.teacher);
    const reach = 1.25 * Math.max(0.6, ...points.flat().map(Math.abs));
    const svg = (name, attributes, text) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      if (text !== undefined) made.textContent = text;
      return made;
    };
    const kind = data.kinds.find((entry) => entry.name === object.verdict);
    const at = ([x, y]) => [100 + (100 * x) / reach, 100 - (100 * y) / reach];
    const plane = svg("svg", { viewBox: "0 0 200 200", role: "img", "aria-label": "Incoming weights in the plane" });
    plane.append(svg("path", { d: "M0 100H200M100 0V200", stroke: "currentColor", "stroke-opacity": 0.2 }));
    for (const w of data.teacher) {
      const [x, y] = at(w);
      plane.append(svg("text", { x, y: y + 5, "text-anchor": "middle", "font-size": 15, fill: "currentColor", opacity: 0.65 }, "☆"));
    }
    for (const [name, w, a, u] of object.picture) {
      const [x, y] = at(w);
      if (u) {
        const size = 18 / Math.max(1e-9, Math.hypot(...u));
        const [dx, dy] = [u[0] * size, -u[1] * size];
        plane.append(svg("path", { d: `M${x - dx} ${y - dy}L${x + dx} ${y + dy}`, stroke: kind.colour, "stroke-width": 3, "stroke-linecap": "round" }));
      }
      plane.append(svg("circle", { cx: x, cy: y, r: 4.2, fill: a < 0 ? "var(--ground)" : kind.colour, stroke: kind.colour, "stroke-width": 1.6 }));
      const label = name === "neuron" ? a.toPrecision(3) : `${name} ${a.toPrecision(3)}`;
      plane.append(svg("text", { x: Math.min(x + 6, 150), y: y - 5, "font-size": 7.5, fill: "currentColor" }, label));
    }
    return plane;
  }

  function show(place, run) {
    const object = data.objects[(place + data.objects.length) % data.objects.length];
    [open, picked] = [byId.get(object.id), run ?? null];
    document.getElementById("card-title").textContent = object.id;
    card.querySelector(".picture").replaceChildren(picture(object));
    const facts = [["width", String(object.width)], ["verdict", object.verdict], ["loss", object.loss], ...object.facts];
    card.querySelector("dl").replaceChildren(...facts.flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
    const theorem = card.querySelector(".theorem");
    const setting = element("details");
    setting.append(element("summary", "Setting"));
    const words = element("p");
    words.innerHTML = data.settings[object.width];
    setting.append(words);
    const said = element("p");
    said.innerHTML = object.statement;
    theorem.replaceChildren(said, setting);
    card.querySelector(".runs").replaceChildren(...object.runs.flatMap((index) => [element(index === picked ? "b" : "span", String(index)), " "]));
    card.querySelector(".certificate").href = object.certificate;
    if (!card.open) card.showModal();
    card.scrollTop = 0;
  }
  card.querySelector(".previous").addEventListener("click", () => show(open - 1));
  card.querySelector(".next").addEventListener("click", () => show(open + 1));
  card.addEventListener("close", () => {
    if (location.hash.startsWith("#object=")) history.replaceState(null, "", location.pathname + location.search);
  });
  const follow = () => {
    const id = decodeURIComponent(location.hash).replace(/^#object=/, "");
    if (byId.has(id)) show(byId.get(id));
  };
  addEventListener("hashchange", follow);

  // -------------------------------------------------------------------------------------------------------- plot
  const LEAST = -13;  // eigenvalues below 1e-13 are drawn at 0: no sign is left of them
  const height = (value) => Math.sign(value) * Math.max(0, Math.log10(Math.abs(value)) - LEAST);
  const SYMBOLS = { o: "circle", s: "square", X: "x", "^": "triangle-up", v: "triangle-down", D: "diamond", P: "cross" };
  let width = null;

  function traces() {
    const runs = data.runs;
    return data.kinds.map((kind, k) => {
      const chosen = runs.run.map((_, i) => i).filter((i) => runs.verdict[i] === k && (width === null || runs.width[i] === width));
      return {
        type: "scatter", mode: "markers", name: kind.label,
        x: chosen.map((i) => Math.max(runs.loss[i], 1e-16)), y: chosen.map((i) => height(runs.eigenvalue[i])),
        customdata: chosen,
        text: chosen.map((i) => `width ${runs.width[i]}, run ${runs.run[i]}<br>loss ${runs.loss[i]}<br>smallest eigenvalue ${runs.eigenvalue[i]}`
          + `<br>${kind.label}${runs.relation[i] ? ", " + runs.relation[i] : ""}`),
        hovertemplate: "%{text}<extra></extra>",
        marker: { color: kind.colour, symbol: SYMBOLS[kind.marker], size: 7, opacity: 0.75, line: { width: 0.4, color: dark() ? "#12161b" : "#ffffff" } },
      };
    }).filter((trace) => trace.x.length);
  }

  function layout() {
    const ink = dark() ? "#e6edf3" : "#1d2125", line = dark() ? "#39424c" : "#d1d9e0";
    const sizes = [-3, -6, -9, -12];
    const ticks = [...sizes.map((k) => -(k - LEAST)), 0, ...sizes.map((k) => k - LEAST)];
    const words = [...sizes.map((k) => `−1e${k}`), "0", ...sizes.map((k) => `1e${k}`)];
    const axis = { gridcolor: line, zerolinecolor: ink, linecolor: line };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "inherit" },
      margin: { l: 70, r: 12, t: 12, b: 64 }, hovermode: "closest", legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      xaxis: { ...axis, type: "log", title: { text: "loss where the run stopped" }, exponentformat: "power" },
      yaxis: { ...axis, title: { text: "smallest eigenvalue" }, tickvals: ticks, ticktext: words },
    };
  }

  function paint() {
    if (typeof Plotly === "undefined") return;
    Plotly.react("chart", traces(), layout(), { responsive: true, displaylogo: false });
  }

  function plot() {
    const bar = document.getElementById("plot-widths");
    const widths = [...new Set(data.runs.width)];
    [null, ...widths].forEach((value) => {
      const button = element("button", value === null ? "all widths" : `width ${value}`, { type: "button", "aria-pressed": value === width });
      button.addEventListener("click", () => {
        width = value;
        [...bar.children].forEach((other) => other.setAttribute("aria-pressed", other === button));
        paint();
      });
      bar.append(button);
    });
    paint();
    document.getElementById("chart").on("plotly_click", (event) => {
      const run = event.points[0].customdata;
      if (data.runs.object[run] !== null) show(data.runs.object[run], data.runs.run[run]);
    });
    follow();
    made.ready = performance.now();
    root.dataset.ready = "true";
  }
  const decided = () => data.runs.run.map((_, i) => i).filter((i) => data.runs.object[i] !== null);
  const made = { plot, show, decided, ready: null };
  return made;
})();
