// A browser client for the user-metadata WebSocket server: joins, sends what the browser knows about
// itself, and reconnects when the connection is lost. An ES module without dependencies.
//
//   import { connect } from "https://chat.example.com/client.js";
//
//   const connection = connect({
//     user: { id: "user-123", username: "John" },       // sessionId is optional
//     onJoined: ({ eventId, clientId, sessionId, metadata }) => console.log(metadata.browser),
//     onError: ({ code, message, field }) => console.warn(message),
//     onState: (state) => console.log(state),           // connecting, joined, waiting, closed
//   });
//   connection.close();                                 // leaves for good
//
// `url` defaults to /ws on the host that this file came from. A page of another host must be
// allowed there (--allowed-origin).

const HINTS = [
  "architecture", "bitness", "formFactors", "fullVersionList", "model", "platformVersion", "wow64",
];
const HEARTBEAT = 25_000;
const LONGEST_WAIT = 30_000;
// Reconnecting would fail the same way: what was sent is at fault.
const FINAL = new Set([1002, 1003, 1007, 1008, 1009, 4401]);
// "Service restart" and "try again later": clients reconnect after 5 to 30 s, not at once.
const RESTART = new Set([1012, 1013]);

/** What the browser tells about itself: `{ hints, screen, timezone }`, as a join carries it. */
export async function describeClient() {
  const { userAgentData, maxTouchPoints } = navigator;
  // Only Chromium has it, and only on https and localhost; it may refuse the high-entropy hints.
  const { brands, mobile, platform } = userAgentData ?? {};
  const finer = await userAgentData?.getHighEntropyValues(HINTS).catch(() => undefined);
  return {
    hints: { brands, mobile, platform, ...finer, maxTouchPoints },
    screen: { width: screen.width, height: screen.height, pixelRatio: devicePixelRatio },
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

/** Joins as `user`, again after each loss of the connection, until `close()`. */
export function connect({ user, url = defaultUrl(), onJoined, onError, onState }) {
  let socket;
  let timer;
  let losses = 0;
  let isClosed = false;
  let isAlive = true;

  async function open() {
    onState?.("connecting");
    const client = await describeClient();
    if (isClosed) return;
    socket = new WebSocket(url);
    socket.onopen = () => socket.send(JSON.stringify({ type: "join", user, ...client }));
    socket.onmessage = ({ data }) => receive(JSON.parse(data));
    socket.onclose = ({ code }) => lose(code);
  }

  function receive(message) {
    isAlive = true;
    if (message.type === "joined") {
      losses = 0;
      timer = setInterval(beat, HEARTBEAT);
      onState?.("joined");
      onJoined?.(message);
    } else if (message.type === "error") {
      if (message.code === "invalid_join") close();
      onError?.(message);
    }
  }

  // A page does not see the server's pings; this notices a dead network.
  function beat() {
    if (!isAlive) return socket.close();
    isAlive = false;
    socket.send('{"type":"ping"}');
  }

  function lose(code) {
    clearInterval(timer);
    if (isClosed || FINAL.has(code)) return end();
    const wait = RESTART.has(code)
      ? 5_000 + Math.random() * 25_000
      : Math.random() * Math.min(LONGEST_WAIT, 1_000 * 2 ** losses);
    losses += 1;
    isAlive = true;
    timer = setTimeout(open, wait);
    onState?.("waiting");
  }

  function close() {
    isClosed = true;
    clearTimeout(timer);
    if (socket?.readyState <= WebSocket.OPEN) socket.close(1000);
    else end();
  }

  function end() {
    isClosed = true;
    onState?.("closed");
  }

  open();
  return { close };
}

function defaultUrl() {
  const url = new URL("/ws", import.meta.url);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
