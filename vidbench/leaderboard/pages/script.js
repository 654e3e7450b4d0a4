"use strict";
// Sorting and filtering of one board. Each <tbody> is sorted separately, so that no row leaves its group.
(() => {
  const table = document.getElementById("board");
  const bodies = [...table.tBodies];
  const headers = [...table.tHead.rows[0].cells];
  const field = (id) => document.getElementById(id);

  function sortBy(header) {
    const column = headers.indexOf(header);
    const numeric = header.dataset.kind === "number";
    const descending = header.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[column].dataset.sort;
    const order = (a, b) => (numeric ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b)));
    for (const body of bodies) {
      const rows = [...body.querySelectorAll("tr.row")].sort((a, b) => (descending ? order(b, a) : order(a, b)));
      body.querySelector("tr.head").after(...rows);
    }
    for (const each of headers) each.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  }

  function filter() {
    const metric = field("by-metric").value, group = field("by-group").value, status = field("by-status").value;
    const from = Number(field("year-from").value) || -Infinity, to = Number(field("year-to").value) || Infinity;
    const words = field("by-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, total = 0;
    for (const body of bodies) {
      const wanted = (!metric || body.dataset.metric === metric) && (!group || body.dataset.group === group);
      let here = 0;
      for (const row of body.querySelectorAll("tr.row")) {
        const year = Number(row.dataset.year);
        const fits = wanted && (!status || row.dataset.status === status) && year >= from && year <= to &&
          words.every((word) => row.dataset.text.includes(word));
        row.hidden = !fits;
        document.getElementById(row.dataset.id).hidden = !fits;
        here += fits;
        total += 1;
      }
      body.hidden = here === 0;
      const chart = document.querySelector(`figure[data-group="${body.dataset.group}"]`);
      if (chart) chart.hidden = here === 0;
      shown += here;
    }
    // Selecting a group or metric unfolds its charts.
    if ((metric || group) && field("more")) field("more").open = true;
    field("count").textContent = `${shown} of ${total} rows`;
  }

  for (const header of headers) header.firstElementChild.addEventListener("click", () => sortBy(header));
  const form = field("filters");
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields are cleared after the event.
  form.addEventListener("reset", () => setTimeout(filter));
  // A link from outside must reach its entry, even in a browser that restores old filter values.
  form.reset();
})();
