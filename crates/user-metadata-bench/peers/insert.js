// The usual way in Node.js: one insert per event, awaited.
//
// Usage: BROKERS=… TOPIC=… GROUP=… DATABASE_URL=… node insert.js

const { Kafka, logLevel } = require("kafkajs");
const { Client } = require("pg");

const { BROKERS, TOPIC, GROUP, DATABASE_URL } = process.env;
const INSERT = {
  name: "insert",
  text: `INSERT INTO events (id, user_id, username, session_id, timestamp, client_id, ip, user_agent,
      browser, os, device, language)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
};

async function main() {
  const client = new Client({ connectionString: DATABASE_URL });
  await client.connect();
  const kafka = new Kafka({ brokers: BROKERS.split(","), logLevel: logLevel.WARN });
  const consumer = kafka.consumer({ groupId: GROUP });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const { id, userId, username, sessionId, timestamp, metadata, connectionInfo } = JSON.parse(message.value);
      const { ip, userAgent, browser, os, device, language } = metadata;
      const values = [id, userId, username, sessionId, timestamp, connectionInfo.clientId, ip, userAgent];
      await client.query({ ...INSERT, values: [...values, browser, os, device, language] });
    },
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
