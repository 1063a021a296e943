'use strict';
(() => {
  const one = (id) => document.getElementById(id);
  const form = one('filters');
  const lists = [...document.querySelectorAll('.cards, .ages tbody')];
  const tables = [...document.querySelectorAll('.matrix')];
  form.hidden = false;

  const matches = (row, wanted) =>
    (!wanted.environment || !row.dataset.e || row.dataset.e === wanted.environment) &&
    (!wanted.target || !row.dataset.t || row.dataset.t === wanted.target) &&
    (!wanted.name || (row.dataset.q || '').includes(wanted.name));

  const fits = (item, verdict) =>
    !verdict || (verdict === 'open' ? item.dataset.o === '1' : item.dataset.v === verdict);

  // One cell of each table is reached by the tabulator; the arrow keys lead to the others.
  const entries = new Map();
  const enter = (table, button) => {
    const before = entries.get(table);
    if (before) before.tabIndex = -1;
    if (button) button.tabIndex = 0;
    entries.set(table, button);
  };

  const filter = () => {
    const wanted = {
      environment: one('by-environment').value,
      target: one('by-target').value,
      verdict: one('by-verdict').value,
      name: one('by-name').value.trim().toLowerCase(),
    };
    for (const list of lists) {
      let any = false;
      for (const row of list.children) {
        const of_verdict = row.dataset.v === undefined || fits(row, wanted.verdict);
        row.hidden = !(matches(row, wanted) && of_verdict);
        any = any || !row.hidden;
      }
      list.closest('section').hidden = !any;
    }
    let shown = 0;
    let all = 0;
    for (const table of tables) {
      let first = null;
      // The first cell of each row is its head; a column is out as a whole.
      const outs = [...table.tHead.rows[0].cells].map((head) => {
        head.hidden = Boolean(wanted.target && head.dataset.t && head.dataset.t !== wanted.target);
        return head.hidden;
      });
      const section = table.closest('section');
      const elsewhere = Boolean(wanted.environment && section.dataset.e !== wanted.environment);
      for (const row of table.tBodies[0].rows) {
        const here = !elsewhere && matches(row, wanted);
        let any = false;
        let column = 0;
        for (const cell of row.children) {
          const out = outs[column];
          column += 1;
          if (cell.hidden !== out) cell.hidden = out;
          for (const button of cell.children) {
            if (button.localName !== 'button') continue;
            const visible = here && !out && fits(button, wanted.verdict);
            button.classList.toggle('off', !visible);
            all += 1;
            if (visible) {
              shown += 1;
              any = true;
              first = first || button;
            }
          }
        }
        row.hidden = !any;
      }
      section.hidden = first === null;
      enter(table, first);
    }
    one('shown').textContent = shown + ' of ' + all + ' shown';
  };

  form.addEventListener('input', filter);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('reset', () => setTimeout(filter));

  let data = null;
  const open = (button) => {
    data = data || JSON.parse(one('data').textContent);
    const texts = data.entries[Number(button.dataset.i)];
    const entry = Object.fromEntries(data.fields.map((field, index) => [field, data.texts[texts[index]]]));
    one('details-title').textContent = entry.name + ' at ' + entry.place;
    const list = one('details-list');
    list.replaceChildren();
    for (const [label, text, is_command] of [
      ['Verdict', entry.state],
      ['What is known', entry.detail],
      ['Type next', entry.next, true],
      ['Known by', entry.proof],
      ['Running', entry.rollout],
      ['Secret', entry.secret],
      ['Environment', entry.environment],
      ['Target', entry.target],
      ['Written there', entry.written],
      ['Wrong since', entry.open_since],
      ['Declared at', entry.location],
      ['Means', entry.code && entry.code + ': ' + (data.codes[entry.code] || '')],
    ]) {
      if (!text) continue;
      const term = document.createElement('dt');
      term.textContent = label;
      const description = document.createElement('dd');
      const inner = is_command ? document.createElement('code') : description;
      inner.textContent = text;
      if (is_command) description.append(inner);
      list.append(term, description);
    }
    one('details').showModal();
    one('details').scrollTop = 0;
  };

  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const move = (button, [down, right]) => {
    let cell = button.closest('td');
    let row = cell.parentElement;
    const column = cell.cellIndex;
    for (;;) {
      if (right) cell = right > 0 ? cell.nextElementSibling : cell.previousElementSibling;
      if (down) {
        row = down > 0 ? row.nextElementSibling : row.previousElementSibling;
        cell = row && row.cells[column];
      }
      if (!cell) return;
      const next = !cell.hidden && !row.hidden && cell.querySelector('button:not(.off)');
      if (next) {
        enter(cell.closest('table'), next);
        next.focus();
        return;
      }
    }
  };

  for (const table of tables) {
    table.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (button) open(button);
    });
    table.addEventListener('keydown', (event) => {
      const button = event.target.closest('button');
      if (button && steps[event.key]) {
        event.preventDefault();
        move(button, steps[event.key]);
      }
    });
  }
  filter();
})();
