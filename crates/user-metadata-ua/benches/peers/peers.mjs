// `lists` prints what is to be parsed; `rates` reads a list and prints strings a second by parser.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(import.meta.url);

function lists() {
  const rows = require("./node_modules/user-agents/dist/user-agents.json");
  const shares = new Map();
  for (const { userAgent, weight } of rows) {
    shares.set(userAgent, (shares.get(userAgent) ?? 0) + weight);
  }
  const crawlers = require("crawler-user-agents").flatMap(({ instances }) => instances);
  return { used: [...shares], crawlers };
}

async function rates() {
  const list = JSON.parse(readFileSync(0, "utf8"));
  const { UAParser } = await import("ua-parser-js");
  const bowser = require("bowser");
  const parsers = {
    "ua-parser-js": (userAgent) => new UAParser(userAgent).getResult(),
    bowser: (userAgent) => bowser.parse(userAgent),
  };
  return Object.entries(parsers).map(([name, parse]) => {
    // The compiler needs some calls before it knows what is hot.
    for (const userAgent of list.slice(0, 2000)) parse(userAgent);
    const part = list.slice(0, 20000);
    const started = process.hrtime.bigint();
    for (const userAgent of part) parse(userAgent);
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    return [name, part.length / seconds];
  });
}

console.log(JSON.stringify(process.argv[2] === "lists" ? lists() : await rates()));
