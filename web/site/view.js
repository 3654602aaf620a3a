// What the page shows of an answer. Texts go in as text, never as HTML.

/** @typedef {import('./api.js').Triage} Triage */
/** @typedef {import('./api.js').Aspect} Aspect */

const bands = [
  {from: 80, name: 'first', title: 'Answer first'},
  {from: 55, name: 'soon', title: 'Answer soon'},
  {from: 25, name: 'turn', title: 'Answer in turn'},
  {from: 0, name: 'later', title: 'Answer when there is time'},
];

const parts = /** @type {const} */ ([
  ['urgency', 'Urgency'],
  ['tone', 'Tone'],
  ['category', 'Category'],
  ['caution', 'Caution'],
]);

const aspects = /** @type {const} */ (['category', 'urgency', 'tone']);

/**
 * @param {number} priority 0 to 100
 */
export function bandOf(priority) {
  return bands.find((band) => priority >= band.from) ?? bands[bands.length - 1];
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byID(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, className = '', text = '') {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/**
 * A probability for people: 96.6%, and no rounding to certainty.
 * @param {number} p
 */
export function percent(p) {
  if (p > 0 && p < 0.001) return '<0.1%';
  if (p < 1 && p > 0.999) return '>99.9%';
  return `${(100 * p).toFixed(1)}%`;
}

/** @param {string} label */
export function titled(label) {
  return label.charAt(0).toUpperCase() + label.slice(1).replaceAll('_', ' ');
}

/** @param {'empty' | 'busy' | 'done' | 'failed'} state */
export function setState(state) {
  const result = byID('result');
  result.dataset.state = state;
  result.setAttribute('aria-busy', String(state === 'busy'));
  byID('failure').hidden = state !== 'failed';
}

/** Shows where the answer will be, before there is one. */
export function showEmpty() {
  byID('aspects').replaceChildren(...aspects.map((name) => {
    const box = make('div', 'aspect ghost');
    box.append(make('h3', '', titled(name)), make('p', 'label', '—'));
    const list = make('ul');
    for (let i = 0; i < 3; i++) {
      const row = make('li');
      row.append(make('span', 'bar'));
      list.append(row);
    }
    box.append(list);
    return box;
  }));
}

/**
 * @param {Triage} answer
 * @param {number} took milliseconds
 */
export function showAnswer(answer, took) {
  const band = bandOf(answer.priority);
  byID('result').dataset.band = band.name;
  const ring = byID('priority');
  ring.setAttribute('aria-valuenow', String(answer.priority));
  ring.setAttribute('aria-valuetext', `${answer.priority} of 100: ${band.title}`);
  byID('arc').setAttribute('stroke-dasharray', `${answer.priority} 100`);
  byID('number').textContent = String(answer.priority);
  byID('band').textContent = band.title;
  byID('reason').textContent = sentence(answer.reason);
  showPoints(answer);
  byID('aspects').replaceChildren(...aspects.map((name) => aspectBox(name, answer[name])));
  byID('meta').textContent = `Three models answered in ${took < 10 ? took.toFixed(1) : Math.round(took)} ms.`;
  setState('done');
}

/**
 * The reason without the band in front of it, which stands above it already.
 * @param {string} reason
 */
function sentence(reason) {
  const rest = reason.replace(/^Answer [a-z ]+: /, '');
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** @param {Triage} answer */
function showPoints(answer) {
  const box = byID('points');
  const stack = box.querySelector('.stack');
  const list = box.querySelector('dl');
  if (!stack || !list) throw new Error('the page has no place for the points');
  stack.replaceChildren();
  list.replaceChildren();
  for (const [name, title] of parts) {
    const value = answer.points[name] ?? 0;
    const piece = make('span', `piece ${name}`);
    piece.style.width = `${value}%`;
    stack.append(piece);
    const pair = make('div', name);
    pair.append(make('dt', '', title), make('dd', '', value.toFixed(1)));
    list.append(pair);
  }
  box.hidden = false;
}

/**
 * @param {string} name
 * @param {Aspect} aspect
 */
function aspectBox(name, aspect) {
  const box = make('div', 'aspect');
  const title = make('h3', '', titled(name));
  title.id = `aspect-${name}`;
  const label = make('p', 'label');
  label.append(make('strong', '', titled(aspect.label)), make('span', '', percent(aspect.probability)));
  const list = make('ul');
  list.setAttribute('aria-labelledby', title.id);
  for (const p of aspect.probabilities) list.append(bar(p.label, p.probability, p.label === aspect.label));
  box.append(title, label, list);
  return box;
}

/**
 * @param {string} label
 * @param {number} probability
 * @param {boolean} top
 */
function bar(label, probability, top) {
  const row = make('li', top ? 'best' : '');
  const meter = make('span', 'bar');
  meter.setAttribute('role', 'meter');
  meter.setAttribute('aria-label', titled(label));
  meter.setAttribute('aria-valuemin', '0');
  meter.setAttribute('aria-valuemax', '100');
  meter.setAttribute('aria-valuenow', (100 * probability).toFixed(1));
  meter.setAttribute('aria-valuetext', percent(probability));
  const fill = make('span', 'fill');
  fill.style.width = `${100 * probability}%`;
  meter.append(fill);
  const name = make('span', 'name', titled(label));
  const value = make('span', 'value', percent(probability));
  name.ariaHidden = 'true'; // the meter says both
  value.ariaHidden = 'true';
  row.append(name, value, meter);
  return row;
}

/**
 * What a screen reader hears of an answer.
 * @param {Triage} answer
 */
export function spoken(answer) {
  return `Priority ${answer.priority} of 100. ${bandOf(answer.priority).title}. ` +
    aspects.map((name) => `${titled(name)}: ${answer[name].label}, ${percent(answer[name].probability)}`).join('. ') + '.';
}

/**
 * @typedef {{text: string, answer: Triage, took: number}} Item
 */

/**
 * Shows the requests of this visit, the most pressing first.
 * @param {Item[]} items
 * @param {Item | undefined} current
 * @param {(item: Item) => void} choose
 */
export function showQueue(items, current, choose) {
  byID('queue-box').hidden = items.length < 2;
  byID('queue').replaceChildren(...items.map((item) => {
    const row = make('li');
    const button = make('button');
    button.type = 'button';
    button.dataset.band = bandOf(item.answer.priority).name;
    if (item === current) button.setAttribute('aria-current', 'true');
    const number = make('span', 'rank', String(item.answer.priority));
    number.append(make('span', 'visually-hidden', ' of 100: '));
    button.append(number, make('span', 'excerpt', item.text));
    button.addEventListener('click', () => choose(item));
    row.append(button);
    return row;
  }));
}
