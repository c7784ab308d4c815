"use strict";
const WAIT = 60000;
const FIELDS = ["tenant_name", "email", "username", "password"];
const part = (id) => document.getElementById(id);
let token = null;
let sending = false;

// The token is of no use to the history or to whoever looks over a shoulder: it leaves the address bar at once. The
// state of the page keeps it, so that a reload does not lose it. A whole address that is pasted into this tab only
// changes the fragment.
function readToken() {
  if (!part("form")) return;
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  token = given || (history.state && history.state.token) || null;
  history.replaceState(token ? { token } : null, "", location.pathname);
  part("form").hidden = !token;
  tell(token ? "" : "The address lacks its token. Open the whole address that the server printed when it started.");
}

function tell(problem) {
  part("problem").textContent = problem;
}

function clear() {
  tell("");
  for (const field of FIELDS) {
    part(field).removeAttribute("aria-invalid");
    part(`${field}-error`).textContent = "";
  }
}

// Each error at its field, the first of which gets the focus; what belongs to no field stands above the form.
function refuse(problem) {
  let first = null;
  const elsewhere = [];
  for (const error of problem.errors || []) {
    const field = FIELDS.find((name) => error.pointer === `/${name}`);
    if (field) {
      part(field).setAttribute("aria-invalid", "true");
      part(`${field}-error`).textContent = `It ${error.detail}.`;
      first = first || part(field);
    } else {
      elsewhere.push(error.detail);
    }
  }
  if (!first || elsewhere.length) {
    const detail = elsewhere.join("; ") || problem.detail;
    tell(`${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`);
  }
  (first || part("problem")).focus();
}

async function send(body) {
  let response;
  try {
    response = await fetch(location.pathname, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(WAIT),
    });
  } catch {
    return refuse({ detail: "the server does not answer; check that it still runs, then try again" });
  }
  const result = await response.json().catch(() => null);
  if (!response.ok) {
    const unknown = `the server answers with the status ${response.status}; look at its log, then try again`;
    return refuse(result && result.detail ? result : { detail: unknown });
  }
  history.replaceState(null, "", location.pathname);
  part("form").remove();
  part("intro").hidden = true;
  part("tenant").textContent = result ? result.tenant.name : "the tenant";
  part("admin").textContent = result ? result.user.username : body.username;
  part("done").hidden = false;
  part("done").focus();
}

part("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending) return;
  sending = true;
  const button = part("send");
  button.setAttribute("aria-disabled", "true");
  clear();
  const body = { token };
  for (const field of FIELDS) body[field] = part(field).value;
  try {
    await send(body);
  } finally {
    sending = false;
    button.removeAttribute("aria-disabled");
  }
});
window.addEventListener("hashchange", readToken);
readToken();
