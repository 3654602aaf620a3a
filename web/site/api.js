// The page's one call: POST /triage, and what to say when it fails.

/**
 * @typedef {{label: string, probability: number}} Probability
 * @typedef {{label: string, probability: number, probabilities: Probability[]}} Aspect
 * @typedef {{urgency: number, tone: number, category: number, caution: number}} Points
 * @typedef {object} Triage
 * @property {Aspect} category
 * @property {Aspect} urgency
 * @property {Aspect} tone
 * @property {number} priority 0 to 100
 * @property {string} reason
 * @property {Points} points
 */

/** A failure in words: what happened, and what to do. */
export class Failure extends Error {
  /**
   * @param {string} title
   * @param {string} advice
   */
  constructor(title, advice) {
    super(title);
    this.advice = advice;
  }
}

/**
 * The base URL of the API for a page at this address. A site under its own host
 * name, {bucket}.s3-website.localhost, has the API at that host's parent.
 * @param {{protocol: string, hostname: string, port: string, origin: string}} at
 * @returns {string}
 */
export function apiBase(at) {
  const parent = /\.s3-website\.(.+)$/.exec(at.hostname);
  if (!parent) return at.origin;
  return `${at.protocol}//${parent[1]}${at.port ? `:${at.port}` : ''}`;
}

/**
 * Asks for the triage of a text. Rejects with a Failure, or with the signal's
 * AbortError.
 * @param {string} base
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Triage>}
 */
export async function triage(base, text, signal) {
  let response;
  let body;
  try {
    response = await fetch(`${base}/triage`, {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({text}),
      signal,
    });
    body = await response.text();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Failure('The server can’t be reached', 'Check that it is running, then try again.');
  }
  if (!response.ok) throw failureOf(response.status, messageOf(body));
  const answer = parse(body);
  if (!isTriage(answer)) {
    throw new Failure('The answer is not a triage', 'The route /triage must run the function triage. Check it with: heliograph route list');
  }
  return answer;
}

/**
 * What to tell the person for an HTTP status.
 * @param {number} status
 * @param {string} message the server's own words, or ''
 * @returns {Failure}
 */
export function failureOf(status, message) {
  switch (status) {
    case 400:
    case 422:
      return new Failure('This text can’t be triaged', message || 'Write the request in words and try again.');
    case 403:
      return new Failure('Triage isn’t switched on', 'Nothing answers at /triage. Add the route with: heliograph route put /triage --function triage');
    case 413:
      return new Failure('This text is too long', message || 'Send the part that says what the customer wants.');
    case 429:
      return new Failure('Too many requests at once', 'Wait a moment, then try again.');
    case 503:
      return new Failure('A model isn’t ready', message || 'Wait until its endpoint is InService, then try again.');
    case 504:
      return new Failure('The answer took too long', 'Try again. If it happens again, the server’s log has the cause.');
    default:
      return new Failure('Something went wrong on the server', `It answered with status ${status}. Its log has the cause.`);
  }
}

/**
 * @param {string} body
 * @returns {string}
 */
function messageOf(body) {
  const value = parse(body);
  return isObject(value) && typeof value.message === 'string' ? value.message : '';
}

/**
 * @param {string} body
 * @returns {unknown}
 */
function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null;
}

/**
 * @param {unknown} value
 * @returns {value is Triage}
 */
export function isTriage(value) {
  return isObject(value) && typeof value.priority === 'number' && typeof value.reason === 'string' &&
    isObject(value.points) && ['category', 'urgency', 'tone'].every((name) => {
    const aspect = value[name];
    return isObject(aspect) && typeof aspect.label === 'string' && Array.isArray(aspect.probabilities);
  });
}
