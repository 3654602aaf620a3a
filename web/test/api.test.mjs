import assert from 'node:assert/strict';
import {test} from 'node:test';

import {apiBase, failureOf, isTriage} from '../site/api.js';
import {bandOf, percent, titled} from '../site/view.js';

test('the API is at the page’s origin, or at the parent of a site’s own host name', () => {
  for (const [page, want] of [
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080'],
    ['http://localhost:8080/_site/demo/', 'http://localhost:8080'],
    ['http://demo.s3-website.localhost:8080/', 'http://localhost:8080'],
    ['https://a.b.s3-website.example.org/', 'https://example.org'],
  ]) {
    assert.equal(apiBase(new URL(page)), want, page);
  }
});

test('each failure has a title and says what to do', () => {
  for (const status of [400, 403, 413, 415, 422, 429, 500, 502, 503, 504]) {
    const failure = failureOf(status, '');
    assert.ok(failure.message.length > 10, `${status}`);
    assert.ok(failure.advice.endsWith('.') || failure.advice.includes('heliograph route'), `${status}: ${failure.advice}`);
  }
  assert.equal(failureOf(503, 'The endpoint "tone" is missing.').advice, 'The endpoint "tone" is missing.');
  assert.match(failureOf(418, '').advice, /418/);
});

test('only a triage counts as one', () => {
  const aspect = {label: 'x', probability: 1, probabilities: []};
  const whole = {category: aspect, urgency: aspect, tone: aspect, priority: 1, reason: '', points: {}};
  assert.ok(isTriage(whole));
  for (const broken of [undefined, null, 'text', [], {}, {...whole, tone: null}, {...whole, priority: '1'}, {...whole, points: 3}]) {
    assert.ok(!isTriage(broken), JSON.stringify(broken));
  }
});

test('probabilities are not rounded to certainty', () => {
  for (const [p, want] of /** @type {[number, string][]} */ ([
    [0, '0.0%'], [0.0004, '<0.1%'], [0.001, '0.1%'], [0.966, '96.6%'], [0.9993, '>99.9%'], [1, '100.0%'],
  ])) {
    assert.equal(percent(p), want);
  }
});

test('bands begin where the documentation says', () => {
  assert.deepEqual([0, 24, 25, 54, 55, 79, 80, 100].map((p) => bandOf(p).name),
    ['later', 'later', 'turn', 'turn', 'soon', 'soon', 'first', 'first']);
});

test('labels are titles', () => {
  assert.equal(titled('card_payment'), 'Card payment');
  assert.equal(titled(''), '');
});
