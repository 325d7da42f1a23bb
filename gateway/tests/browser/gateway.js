// The gateway under test, which scripts/browser-suite started, and its API.

export const origin = `http://${process.env.GATEWAY_API}`;
const key = process.env.GATEWAY_KEY;

// What the API answers; anything but success is an error that holds the answer.
export async function call(method, path, body, headers = {}) {
  const isText = typeof body === "string";
  const response = await fetch(origin + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, ...(body === undefined || isText ? {} : { "Content-Type": "application/json" }), ...headers },
    body: body === undefined || isText ? body : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text && response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
}

// A link that signs in once, with these scopes of the first key or all of them.
export async function signInLink(scopes) {
  const link = await call("POST", "/v1/console-links", scopes ? { scopes } : {});
  return link.url;
}

// What `probe` gives once it gives anything.
export async function eventually(what, probe) {
  const until = Date.now() + 30_000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > until) throw new Error(`${what} did not come within 30 s`);
    await new Promise((done) => setTimeout(done, 100));
  }
}
