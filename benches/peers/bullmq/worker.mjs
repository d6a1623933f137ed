// Processes jobs that do nothing, and prints how long it took: node worker.mjs SOCKET JOBS CONCURRENCY
// The jobs are there before the clock starts. Like Atelier's, a finished job leaves nothing behind (removeOnComplete).
import { Queue, Worker } from "bullmq";

const [socket, jobCount, concurrency] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const name = `bench-${process.pid}`;
const connection = { path: socket, maxRetriesPerRequest: null };

const queue = new Queue(name, { connection });
const payload = { prompt: "a lighthouse at dawn", steps: 4, width: 64, height: 64 };
for (let added = 0; added < jobCount; added += 1000) {
  const batch = Array.from({ length: Math.min(1000, jobCount - added) }, () => ({
    name: "nothing",
    data: payload,
    opts: { removeOnComplete: true },
  }));
  await queue.addBulk(batch);
}

let finished = 0;
let everythingFinished;
const end = new Promise((resolve) => {
  everythingFinished = resolve;
});
const worker = new Worker(name, async () => null, { connection, concurrency, autorun: false });
worker.on("completed", () => {
  finished += 1;
  if (finished === jobCount) everythingFinished();
});
worker.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});
await worker.waitUntilReady();
const begun = performance.now();
worker.run();
await end;
console.log(JSON.stringify({ seconds: (performance.now() - begun) / 1000 }));
await worker.close();
await queue.obliterate({ force: true });
await queue.close();
