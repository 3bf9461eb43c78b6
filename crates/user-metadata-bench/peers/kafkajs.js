// The usual ways in Node.js: await each event, or collect batches by hand.
//
// Usage: node kafkajs.js each|batches BROKERS TOPIC PARTITIONS COMPRESSION EVENTS SECONDS

const fs = require("node:fs");
const { Kafka, Partitioners, logLevel } = require("kafkajs");

const [mode, brokers, topic, , compression, path, seconds] = process.argv.slice(2);
const USERS = 50_000;
const AT_ONCE = 64;
const BATCH = 500;

if (compression !== "none") throw new Error(`kafkajs has no ${compression} of its own`);
const values = fs.readFileSync(path, "utf8").trimEnd().split("\n");
const timestamp = String(JSON.parse(values[0]).timestamp);
let next = 0;

/** The same records as the other candidates'. */
function record() {
  const number = next++;
  const key = `user-${String((number * 2_654_435_761) % USERS).padStart(5, "0")}`;
  const value = values[number % values.length];
  return {
    key,
    value: value.slice(0, 45) + key + value.slice(45 + key.length),
    timestamp,
    headers: {
      ce_specversion: "1.0",
      ce_id: value.slice(7, 33),
      ce_type: "user-metadata.joined.v1",
      ce_source: "/ws-server/bench",
      ce_time: "2025-11-23T00:00:00.000Z",
      "content-type": "application/json",
    },
  };
}

function peakKiB() {
  const status = fs.readFileSync("/proc/self/status", "utf8");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)[1]);
}

async function main() {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.WARN });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const send = (messages) => producer.send({ topic, acks: -1, messages });
  await send([record()]);

  const cpuBefore = process.cpuUsage();
  const start = process.hrtime.bigint();
  const elapsed = () => Number(process.hrtime.bigint() - start) / 1e9;
  let events = 0;
  const size = mode === "each" ? 1 : BATCH;
  const work = async () => {
    while (elapsed() < Number(seconds)) {
      await send(Array.from({ length: size }, record));
      events += size;
    }
  };
  await Promise.all(Array.from({ length: mode === "each" ? AT_ONCE : 1 }, work));

  const took = elapsed();
  const cpu = process.cpuUsage(cpuBefore);
  console.log(
    JSON.stringify({
      events,
      written: events + 1,
      seconds: took,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      makingSeconds: 0,
      peakKiB: peakKiB(),
    }),
  );
  await producer.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
