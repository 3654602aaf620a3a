// The page: a text goes to /triage, and the answer is shown.

import {Failure, apiBase, triage} from './api.js';
import {byID, make, setState, showAnswer, showEmpty, showQueue, spoken} from './view.js';

/** @typedef {import('./view.js').Item} Item */

const examples = [
  ['Charged twice', 'You took the 49 euros for October twice and nobody answers my mails. I want the second payment back this week or I am going to my bank.'],
  ['Nothing works', 'Nothing works since your update this morning: the app crashes at start on all forty of our devices. This is costing us customers, call me at once!'],
  ['Can’t sign in', 'I have reset my password three times and the app still says it is wrong. This is getting tiresome. Can somebody take a look?'],
  ['Hidden fee', 'Why is there a fee of 12 euros on my invoice that nobody told me about? Please explain and take it off.'],
  ['Opening hours', 'Hello, do you have opening hours on the Saturday before Christmas? No rush.'],
  ['Thank you', 'Just wanted to say that the new export works beautifully. Thanks a lot to the whole team!'],
];

const maxQueue = 8;

const base = apiBase(location);
const form = /** @type {HTMLFormElement} */ (byID('compose'));
const text = /** @type {HTMLTextAreaElement} */ (byID('text'));
const send = /** @type {HTMLButtonElement} */ (byID('send'));

/** @type {Item[]} */
let queue = [];
/** @type {AbortController | undefined} */
let running;

/** @param {string} words */
function complain(words) {
  byID('complaint').textContent = words;
  text.setAttribute('aria-invalid', String(words !== ''));
}

/** @param {Item} item */
function show(item) {
  text.value = item.text;
  complain('');
  showCurl();
  showAnswer(item.answer, item.took);
  showQueue(queue, item, show);
  byID('live').textContent = spoken(item.answer);
}

/** @param {string} request */
async function ask(request) {
  running?.abort();
  const mine = running = new AbortController();
  setState('busy');
  send.setAttribute('aria-disabled', 'true');
  const began = performance.now();
  try {
    const answer = await triage(base, request, mine.signal);
    const item = {text: request, answer, took: performance.now() - began};
    queue = [item, ...queue.filter((other) => other.text !== request)]
      .slice(0, maxQueue)
      .sort((a, b) => b.answer.priority - a.answer.priority);
    show(item);
    if (matchMedia('(max-width: 56rem)').matches) byID('result').scrollIntoView({block: 'start'});
  } catch (error) {
    if (mine.signal.aborted) return; // a newer request took over
    const failure = error instanceof Failure ? error : new Failure('Something went wrong on this page', String(error));
    byID('failure-title').textContent = failure.message;
    byID('failure-text').textContent = failure.advice;
    setState('failed');
  } finally {
    if (running === mine) {
      running = undefined;
      send.removeAttribute('aria-disabled');
    }
  }
}

function submit() {
  const request = text.value.trim();
  if (request === '') {
    complain('Write a request first.');
    text.focus();
    return;
  }
  complain('');
  void ask(request);
}

function showCurl() {
  let words = text.value.trim().replace(/\s+/g, ' ') || 'My invoice is wrong again';
  if (words.length > 90) words = `${words.slice(0, 90).replace(/\s\S*$/, '')} …`;
  const body = JSON.stringify({text: words}).replaceAll("'", "'\\''");
  byID('curl').textContent = `curl ${base}/triage \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

async function copy() {
  const button = byID('copy');
  try {
    await navigator.clipboard.writeText(byID('curl').textContent ?? '');
    button.textContent = 'Copied';
  } catch {
    // No clipboard outside secure contexts: leave the command selected instead.
    getSelection()?.selectAllChildren(byID('curl'));
    button.textContent = 'Selected';
  }
  setTimeout(() => {
    button.textContent = 'Copy';
  }, 2000);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  submit();
});
text.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    submit();
  }
});
text.addEventListener('input', () => {
  complain('');
  showCurl();
});
byID('retry').addEventListener('click', submit);
byID('copy').addEventListener('click', () => void copy());

byID('examples').replaceChildren(...examples.map(([title, words]) => {
  const item = make('li');
  const button = make('button', 'chip', title);
  button.type = 'button';
  button.title = words;
  button.addEventListener('click', () => {
    text.value = words;
    showCurl();
    submit();
  });
  item.append(button);
  return item;
}));

if (/mac|iphone|ipad/i.test(navigator.userAgent)) {
  byID('keys').replaceChildren(make('kbd', '', '⌘'), ' ', make('kbd', '', 'Enter'));
}
showEmpty();
showCurl();
