"use strict";
(() => {
  const table = document.querySelector("table.index");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const place = new Map(rows.map((row, at) => [row, at]));
  const heads = Array.from(table.tHead.rows[0].cells);
  const told = document.getElementById("told");

  // What a cell counts as: a number, a text, or nothing, which always comes last.
  const value = (row, column) => {
    const text = row.cells[column].dataset.value;
    if (text === undefined || text === "") return null;
    return heads[column].classList.contains("num") ? Number(text) : text;
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0);
  const sort = (column, direction) => {
    const keyed = rows.map((row) => [value(row, column), row]);
    keyed.sort(([a, first], [b, second]) => {
      if (a === null || b === null) return (a === null) - (b === null) || place.get(first) - place.get(second);
      return direction * compare(a, b) || place.get(first) - place.get(second);
    });
    body.append(...keyed.map(([, row]) => row));
    heads.forEach((head, at) => {
      if (!head.dataset.sort) return;
      if (at === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  };
  heads.forEach((head, column) => {
    if (!head.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = head.dataset.sort === "down" ? "descending" : "ascending";
      const turned = now === null ? first : now === "ascending" ? "descending" : "ascending";
      sort(column, turned === "ascending" ? 1 : -1);
    });
  });

  const boxes = Array.from(document.querySelectorAll("#filter input"));
  const filter = () => {
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    rows.forEach((row) => {
      row.hidden = !wanted.has(row.dataset.verdict);
      shown += row.hidden ? 0 : 1;
    });
    told.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} shown`;
  };
  boxes.forEach((box) => box.addEventListener("change", filter));
  document.getElementById("filter").hidden = false;
  // A browser that comes back to the page may have kept the boxes as they were.
  filter();
})();
