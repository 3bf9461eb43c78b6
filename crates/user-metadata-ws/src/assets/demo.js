import { connect } from "/client.js";

const element = (id) => document.getElementById(id);
const form = element("join");
const STATES = {
  connecting: "Connecting …",
  joined: "Joined.",
  waiting: "Connection lost; trying again soon …",
  closed: "Not connected.",
};
let connection;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (element("submit").hidden) return;
  for (const input of form.querySelectorAll("input")) mark(input, "");
  const { id, username } = Object.fromEntries(new FormData(form));
  connection = connect({ user: { id, username }, onState: showState, onJoined: showResult, onError: showProblem });
});

element("leave").addEventListener("click", () => {
  connection.close();
  element("result").hidden = true;
  element("submit").focus();
});

function showState(state) {
  element("state").textContent = STATES[state];
  element("submit").hidden = state !== "closed";
  element("leave").hidden = state === "closed";
}

function showProblem({ message, field }) {
  const input = form.elements.namedItem(field?.replace("user.", "") ?? "");
  if (input instanceof HTMLInputElement) {
    mark(input, message);
    input.focus();
  } else {
    element("state").textContent = message;
  }
}

function mark(input, problem) {
  input.setAttribute("aria-invalid", String(problem !== ""));
  element(`${input.id}-problem`).textContent = problem;
}

function showResult(reply) {
  const { metadata } = reply;
  const { width, height, pixelRatio } = metadata.screen ?? {};
  const facts = {
    "Browser": metadata.browser,
    "Operating system": metadata.os,
    "Device": [metadata.device, metadata.agent?.device?.vendor, metadata.agent?.device?.model].filter(Boolean).join(", "),
    "Language": metadata.language,
    "Address": metadata.ip,
    "Screen": width && `${width} × ${height}` + (pixelRatio ? ` at ${pixelRatio}×` : ""),
    "Time zone": metadata.timezone,
    "Session": reply.sessionId,
    "User-Agent": metadata.userAgent,
  };
  element("facts").replaceChildren(...Object.entries(facts).flatMap(([name, value]) => {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    description.textContent = value || "unknown";
    return [term, description];
  }));
  element("reply").textContent = JSON.stringify(reply, null, 2);
  adapt(metadata);
  if (element("result").hidden) {
    element("result").hidden = false;
    element("result-title").focus();
  }
}

// The example: a page whose layout depends on what the server knows about the device and the screen.
function adapt({ device, screen }) {
  const isWide = (screen?.width ?? innerWidth) >= 1200;
  document.documentElement.dataset.device = (device ?? "unknown").toLowerCase();
  document.documentElement.dataset.screen = isWide ? "wide" : "narrow";
  const layouts = {
    Desktop: isWide ? "two columns, for your wide screen" : "one column, for your screen",
    Mobile: "large touch targets in one column, for your phone",
    Tablet: "large touch targets, for your tablet",
    TV: "large type, to be read from the sofa",
  };
  element("layout").textContent = `This page now shows ${layouts[device] ?? "its plain layout"}.`;
}
