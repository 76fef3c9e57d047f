'use strict';
// Sorts, filters and opens the rows of the table; nothing here makes a request. Texts of the data
// become text nodes only.
const $ = id => document.getElementById(id);
const STEP = 100;

const make = (tag, attributes = {}, ...children) => {
  const svg = ['svg', 'line', 'circle', 'text', 'rect', 'title'].includes(tag);
  const node = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
// An expression: no line ends within an arrow.
const expression = text => make('code', {}, make('bdi', {}, ...text.split(/(-\[|\]?->|=>)/)
  .map((part, i) => i % 2 ? make('span', {class: 'op'}, part) : part)));
const own = (tag, text, attributes = {}) => make(tag, attributes, make('bdi', {}, text));

// Numbers as the rest of the page writes them.
const number = v => v === null ? '-' : v === 0 ? '0.000' : Math.abs(v) < 0.001 ? String(+v.toPrecision(2))
  : Math.abs(v) < 999.9995 ? v.toFixed(3) : String(+v.toPrecision(4));
const percent = v => v === null ? '-' : `${Math.abs(v) < 100 ? (100 * v).toFixed(1) : (100 * v).toPrecision(3)}%`.replace(/^-0\.0%$/, '0.0%');
const chance = v => v === null ? '-' : v < 0.001 ? '<0.001' : v.toFixed(3);
const bounds = (low, high, form = number) => low === null || high === null ? '' : `[${form(low)}, ${form(high)}]`;

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}

function rowsOf(data) {
  const c = data.columns, count = c.section.length, size = data.n_pairs, rows = [];
  const raw = data.effects ? Uint8Array.from(atob(data.effects), x => x.charCodeAt(0)) : new Uint8Array();
  const values = new Int16Array(raw.buffer);
  let start = 0;
  for (let i = 0; i < count; i++) {
    const row = {};
    for (const key in c) row[key] = c[key].codes ? c[key].texts[c[key].codes[i]] : c[key][i];
    row.name = `${row.hypothesis} ${row.label}`;
    row.rank = row.label === 'hypothesis' ? Infinity : row.effect === null ? -1 : Math.abs(row.effect);
    if (data.scale.length && data.scale[i] !== null) {
      const at = start, scale = data.scale[i];
      row.pairs = () => Array.from(values.subarray(at, at + size), v => v * scale / 32767);
      start += size;
    }
    rows.push(row);
  }
  return rows;
}

function start(data) {
  const rows = rowsOf(data), table = $('rows'), body = table.tBodies[0];
  const keys = {row: 'name', effect: 'effect', 'of total': 'total', explained: 'explained', p: 'p', q: 'q', n: 'n'};
  let sorted = null, up = 1, shown = STEP, chosen = rows;
  // Of many rows the most important ones come first, as without scripts.
  if (rows.length > 40) rows.sort((a, b) => b.rank - a.rank || 0);

  function line(row) {
    const section = data.sections[row.section];
    const name = make('button', {type: 'button', class: 'open', 'aria-expanded': 'false'},
      make('b', {}, make('bdi', {}, row.hypothesis)), ' ', make('bdi', {}, row.label));
    const head = make('th', {scope: 'row'}, name);
    if (data.sections.length > 1) head.append(own('small', section.name));
    head.append(make('div', {class: 'clamp'}, expression(row.path)));
    const cells = [
      [number(row.effect), bounds(row.low, row.high)], [percent(row.total), ''],
      [percent(row.explained), bounds(row.pe_low, row.pe_high, percent)],
      [chance(row.p), ''], [chance(row.q), ''], [row.n.toLocaleString('en'), ''],
    ].map(([value, below]) => make('td', {class: 'n'}, value, ...(below ? [make('small', {}, below)] : [])));
    const tr = make('tr', {'data-number': row.row}, head, ...cells);
    if (row.chance !== null && row.chance < 0.05) tr.className = 'sig';
    name.onclick = () => toggle(tr, row, section, name);
    return tr;
  }

  function toggle(tr, row, section, button) {
    const open = button.getAttribute('aria-expanded') === 'true';
    button.setAttribute('aria-expanded', String(!open));
    if (open) tr.nextSibling.remove();
    else tr.after(make('tr', {class: 'opened'}, make('td', {colspan: '7'}, detail(row, section, data))));
  }

  function draw() {
    const text = $('f-text').value.trim().toLowerCase(), part = $('f-section')?.value ?? '';
    const hypothesis = $('f-hypothesis').value, significant = $('f-sig').checked;
    chosen = rows.filter(r => (!text || `${r.name} ${r.path}`.toLowerCase().includes(text))
      && (part === '' || r.section === +part) && (!hypothesis || r.hypothesis === hypothesis)
      && (!significant || r.chance !== null && r.chance < 0.05));
    if (sorted) {
      const missing = r => r[sorted] === null;
      const compare = sorted === 'name' ? (a, b) => a.name.localeCompare(b.name, undefined, {numeric: true})
        : (a, b) => a[sorted] - b[sorted];
      chosen.sort((a, b) => missing(a) - missing(b) || (missing(a) ? 0 : up * compare(a, b)));
    }
    body.replaceChildren(...chosen.slice(0, shown).map(line));
    $('count').textContent = `${chosen.length.toLocaleString('en')} of ${rows.length.toLocaleString('en')} rows`;
    $('more').hidden = chosen.length <= shown;
    $('more').textContent = `Show ${Math.min(STEP, chosen.length - shown)} more of ${chosen.length.toLocaleString('en')} rows`;
  }

  for (const th of table.tHead.rows[0].cells) {
    const button = make('button', {type: 'button'}, th.dataset.key);
    th.replaceChildren(button);
    button.onclick = () => {
      const key = keys[th.dataset.key];
      up = sorted === key ? -up : key === 'name' || key === 'p' || key === 'q' ? 1 : -1;
      sorted = key;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
      th.setAttribute('aria-sort', up > 0 ? 'ascending' : 'descending');
      shown = STEP;
      draw();
    };
  }
  for (const name of new Set(rows.map(r => r.hypothesis))) $('f-hypothesis').append(make('option', {value: name}, name));
  for (const control of ['f-text', 'f-section', 'f-hypothesis', 'f-sig'])
    $(control)?.addEventListener('input', () => { shown = STEP; draw(); });
  $('controls').onsubmit = event => event.preventDefault();
  $('more').onclick = () => { shown += STEP; draw(); };
  $('csv').onclick = () => save(chosen, data);
  $('left')?.remove();
  $('controls').hidden = false;
  draw();

  // A cell of a grid says its numbers to who points at it.
  const places = new Map(rows.map(r => [r.row, r]));
  for (const mark of document.querySelectorAll('.map [data-row]')) {
    const row = places.get(+mark.dataset.row);
    if (row) mark.append(make('title', {}, tip(row, data.sections[row.section])));
  }
  // A mark of a figure opens its row.
  document.addEventListener('click', event => {
    const mark = event.target.closest?.('[data-row]');
    const row = mark && places.get(+mark.dataset.row);
    if (!row) return;
    $('f-text').value = ''; $('f-hypothesis').value = ''; $('f-sig').checked = false;
    if ($('f-section')) $('f-section').value = '';
    draw();
    let tr = body.querySelector(`[data-number="${row.row}"]`);
    if (!tr) { tr = line(row); body.prepend(tr); }
    const button = tr.querySelector('button');
    if (button.getAttribute('aria-expanded') === 'false') button.click();
    tr.scrollIntoView({block: 'center'});
    button.focus({preventScroll: true});
  });
}

function tip(row, section) {
  const effect = `${row.label}: ${number(row.effect)} ${section.unit}`.trimEnd();
  const parts = [[effect, bounds(row.low, row.high)].filter(Boolean).join(' ')];
  if (row.total !== null) parts.push(`${percent(row.total)} of the total effect`);
  parts.push(`${row.q === null ? 'p' : 'q'} ${chance(row.chance)}`);
  return parts.join(', ');
}

function detail(row, section, data) {
  const box = make('div', {class: 'detail'});
  box.append(make('ul', {}, ...row.path.split(' | ').map(path => make('li', {}, expression(path)))));
  if (!row.pairs) {
    box.append(make('p', {}, data.n_pairs ? 'Effects by pair of this row are in effects.parquet: the page holds those of the rows with the largest effects.' : 'There is one pair only, or its effects are in effects.parquet.'));
    return box;
  }
  const values = row.pairs(), order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const middle = order.length % 2 ? values[order[order.length >> 1]] : (values[order[order.length / 2 - 1]] + values[order[order.length / 2]]) / 2;
  const above = values.filter(v => v > 0).length;
  box.append(make('p', {}, `Effect by pair, ${section.unit || section.name}: from ${number(values[order[0]])} to ${number(values[order.at(-1)])}, median ${number(middle)}; above 0 in ${above} of ${values.length} pairs.`));
  box.append(strip(values, row, section, data));
  const most = Math.min(3, Math.ceil(values.length / 2));
  const sides = make('div', {class: 'sides'});
  for (const [title, picked] of [['Largest', order.slice(-most).reverse()], ['Smallest', order.slice(0, most)]])
    sides.append(make('div', {}, make('b', {}, title), make('ol', {}, ...picked.map(i => pairItem(data.pairs[i], values[i])))));
  box.append(sides);
  return box;
}

function strip(values, row, section, data) {
  // Drawn as wide as there is room, so that letters keep their size on a phone.
  const width = Math.min(640, innerWidth - 40), height = 96, all = [...values, 0, ...(section.total === null ? [] : [section.total])];
  const low = Math.min(...all), high = Math.max(...all), span = high - low || 1;
  const x = v => 14 + (v - low) / span * (width - 28);
  const svg = make('svg', {viewBox: `0 0 ${width} ${height}`, width: '100%', style: `max-width:${width}px`, role: 'img',
    'aria-label': `Effects of ${values.length} pairs from ${number(Math.min(...values))} to ${number(Math.max(...values))}`});
  const rule = (v, text, dash) => svg.append(
    make('line', {x1: x(v), x2: x(v), y1: 16, y2: 76, stroke: 'var(--soft)', 'stroke-dasharray': dash}),
    make('text', {x: x(v), y: 11, 'text-anchor': v > (low + high) / 2 ? 'end' : 'start', fill: 'var(--soft)', 'font-size': 11}, text));
  if (section.total !== null) rule(section.total, `total effect ${number(section.total)}`, '4 3');
  rule(0, '0', '');
  if (row.low !== null) svg.append(make('line', {x1: x(row.low), x2: x(row.high), y1: 84, y2: 84, stroke: 'var(--helps)', 'stroke-width': 3}));
  svg.append(make('circle', {cx: x(row.effect), cy: 84, r: 5, fill: 'var(--helps)'}, make('title', {}, `mean ${number(row.effect)}`)));
  const bins = new Map();  // dots of one place stand upon each other
  values.forEach((v, i) => {
    const bin = Math.round(x(v) / 7), level = bins.get(bin) ?? 0;
    bins.set(bin, level + 1);
    const step = Math.min(7, 54 / Math.max(1, values.length / 12));
    svg.append(make('circle', {cx: x(v), cy: 70 - Math.min(level * step, 54), r: 3, fill: 'var(--hurts)', 'fill-opacity': 0.75},
      make('title', {}, `${data.pairs[i].id}: ${number(v)}`)));
  });
  return svg;
}

function pairItem(pair, value) {
  const item = make('li', {}, make('b', {}, number(value)), ' ', own('span', `pair ${pair.id}`, {class: 'soft'}));
  if (!pair.clean) return item;
  for (const [which, tokens, other] of [['clean', pair.clean, pair.corrupt], ['corrupt', pair.corrupt, pair.clean]]) {
    const text = make('div', {class: 'diff', dir: 'auto'}, make('span', {class: 'soft'}, `${which}: `));
    const first = Math.max(0, tokens.length - 80);
    if (first) text.append('… ');
    tokens.slice(first).forEach((token, i) => text.append(token === other[first + i] ? token : make('mark', {}, token)));
    item.append(text);
  }
  const answers = pair.answers.filter(Boolean);
  if (answers.length) item.append(own('div', `answer ${answers.slice(0, 3).join(', ')}`, {class: 'soft'}));
  return item;
}

function save(rows, data) {
  const keys = ['hypothesis', 'label', 'path', 'effect', 'low', 'high', 'total', 'explained', 'pe_low', 'pe_high', 'p', 'q', 'n'];
  const cell = v => v === null || v === undefined ? '' : /[",\n]|^[=+@-](?![\d.])/.test(v) ? `"${String(v).replaceAll('"', '""').replace(/^[=+@-]/, "'$&")}"` : v;
  const lines = rows.map(r => [data.sections[r.section].name, ...keys.map(k => r[k])].map(cell).join(','));
  const file = new Blob([[['metric and direction', ...keys].join(','), ...lines].join('\n')], {type: 'text/csv'});
  const link = make('a', {href: URL.createObjectURL(file), download: 'rows.csv'});
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const button of document.querySelectorAll('button.copy')) {
  button.hidden = !navigator.clipboard;
  button.onclick = async () => {
    await navigator.clipboard.writeText($(button.dataset.copy).textContent);
    button.textContent = 'Copied';
  };
}
for (const button of document.querySelectorAll('button.own')) {
  button.hidden = false;
  button.onclick = () => {
    const on = button.getAttribute('aria-pressed') !== 'true', factor = on ? +button.dataset.factor : 1;
    button.setAttribute('aria-pressed', String(on));
    for (const mark of button.closest('figure').querySelectorAll('[data-row][fill-opacity]'))
      mark.style.fillOpacity = Math.min(1, mark.getAttribute('fill-opacity') * factor);
  };
}
if ($('data')) unpack($('data').textContent).then(start);
