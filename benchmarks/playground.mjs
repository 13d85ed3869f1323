// Times the playground's engine: on standard input texts of it by name, settings and images; on standard output steps in each
// second of a processor's time, round by round, each text in turn.
import { readFileSync } from "node:fs";

const { engines, settings, images, rounds, steps } = JSON.parse(readFileSync(0, "utf8"));
const bytes = new Uint8Array(Buffer.from(images, "base64"));
const runs = Object.entries(engines).map(([name, text]) => {
  const Run = new Function(`${text}\nreturn Run;`)();
  return { name, run: new Run(settings, bytes) };
});
const speeds = Object.fromEntries(runs.map(({ name }) => [name, []]));
for (let round = -1; round < rounds; round++) { // the first is for the compiler
  for (const { name, run } of runs) {
    const begun = process.cpuUsage();
    for (let i = 0; i < steps; i++) run.advance();
    const { user, system } = process.cpuUsage(begun); // microseconds
    if (round >= 0) speeds[name].push((1e6 * steps) / (user + system));
  }
}
process.stdout.write(JSON.stringify(speeds));
