"use strict";
const form = document.getElementById("form");
const answer = document.getElementById("answer");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
// The token is of no use to the history or to whoever looks over a shoulder.
history.replaceState(null, "", location.pathname);
if (!token) {
  answer.className = "error";
  answer.textContent = "The address lacks its token. Open the whole setup URL that the server printed when it started.";
}
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const value = (id) => document.getElementById(id).value;
  const body = { token: token || "", tenant_name: value("tenant_name"), email: value("email"), username: value("username"), password: value("password") };
  const response = await fetch(location.pathname, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const result = await response.json();
  answer.className = response.ok ? "" : "error";
  answer.textContent = response.ok
    ? `Done. Sign in as ${result.user.username} with POST /api/v1/auth/login; the API reference is at /api/docs/.`
    : result.errors && result.errors.length ? result.errors.map((e) => `${e.pointer.slice(1)} ${e.detail}`).join("; ") : result.detail;
  if (response.ok) form.remove();
});
