// Calls to the product's own API with the cookie of the page.

// Whose page this is, where it matters.
let person = null;

/** From now on every call says for whom it is made: after a new sign-in the server refuses what is another's with 412. */
export function callAs(userId) {
  person = userId;
}

/** An answer that is no success, or no answer at all (status 0). */
export class ApiError extends Error {
  constructor(status, problem, retryAfterSeconds) {
    super(problem?.detail || problem?.title || (status === 0 ? "No answer" : `Status ${status}`));
    this.status = status;
    this.problem = problem ?? null;
    this.retryAfterSeconds = retryAfterSeconds ?? 0;
  }

  /** Whether the same request may well succeed later without anybody doing anything. 409: the first try of it is still under way. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 409 || this.status === 425 || this.status === 429 || this.status >= 500;
  }
}

/**
 * @param {string} method
 * @param {string} url
 * @param {object} [options] body (object or JSON text), key (Idempotency-Key), keepalive, timeout in milliseconds
 * @returns {Promise<{value: any, serverNow: number}>} the JSON answer and the server's clock in milliseconds
 */
export async function call(method, url, { body, key, keepalive = false, timeout = 20_000 } = {}) {
  const headers = { "X-Annotator": "1", Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (person) headers["X-Annotator-User"] = person;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout);
  let response, text;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      keepalive,
      credentials: "same-origin",
      cache: "no-store",
      signal: keepalive ? undefined : stop.signal,
    });
    text = await response.text();
  } catch (error) {
    throw new ApiError(0, { title: error?.message });
  } finally {
    clearTimeout(timer);
  }

  const kind = response.headers.get("Content-Type") ?? "";
  const json = text.length > 0 && /json/i.test(kind) ? parse(text) : undefined;
  const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10) || 0;
  if (!response.ok) throw new ApiError(response.status, json, retryAfter);

  // A page instead of JSON is somebody else's answer: a proxy's log-in or a hotel's portal. It says nothing about our request.
  if (text.length > 0 && json === undefined) throw new ApiError(response.redirected ? 401 : 0, { title: "Not an answer of this server" });
  const date = Date.parse(response.headers.get("Date") ?? "");
  return { value: json ?? null, serverNow: Number.isNaN(date) ? Date.now() : date };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A new random id. crypto.randomUUID exists in secure contexts only, and a server in one's own network is often plain http. */
export function newId() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
