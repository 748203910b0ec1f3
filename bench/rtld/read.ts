/** Claim: what was added to link maps is found without reading all of them. */
import { LiveProcess, ObservedProcess, RtldAgent, Target } from "../../src/rtld/index.ts";
import { median, printColumns } from "../table.ts";
import { MOST, type Programs } from "./programs.ts";

const COUNTS = [10, 100, MOST];
/** Readings in a round, of which the first compile our code. */
const TIMES = 50;

/** Reads the link maps of processes whole, and what each of a thousand libraries adds. */
export async function measureReading(programs: Programs, rounds: number): Promise<void> {
  const added = await additions(programs, rounds);
  const rows: string[][] = [];
  for (const count of COUNTS) {
    await using running = await programs.running(count);
    const near = added.slice(Math.max(0, count - 100), count);
    rows.push([count.toLocaleString("en"), ...wholeReadings(running.pid, rounds), median(near).toFixed(0)]);
  }
  const head = ["first, ms", "later, ms", "µs an object", "and where they lie, ms", "one more, µs"];
  printColumns(["Link maps of libraries", ...head], rows);
}

function wholeReadings(pid: number, rounds: number): string[] {
  using process = new ObservedProcess(pid);
  const whole: number[] = [];
  const sized: number[] = [];
  let objects = 0;
  for (let i = 0; i < rounds * TIMES; i++) {
    const agent = RtldAgent.new(process);
    const from = performance.now();
    const { added } = agent.update();
    whole.push(performance.now() - from);
    objects = added.length;
    for (const one of added) if (one.end <= one.base) throw new Error(`${one.name}: found no size`);
    sized.push(performance.now() - from);
  }
  const later = median(whole);
  const times = [whole[0] ?? Number.NaN, later, median(sized)].map((one) => one.toFixed(2));
  return [times[0] ?? "", times[1] ?? "", ((later * 1000) / objects).toFixed(1), times[2] ?? ""];
}

/** Microseconds from the stop of each library's last event until it is known, name and all; the medians of the rounds. */
async function additions(programs: Programs, rounds: number): Promise<number[]> {
  const all: number[][] = [];
  for (let round = 0; round < rounds; round++) all.push(await additionsOnce(programs));
  return Array.from({ length: MOST }, (_, i) => median(all.map((one) => one[i] ?? Number.NaN)));
}

async function additionsOnce(programs: Programs): Promise<number[]> {
  const [program, ...args] = programs.opening(MOST);
  using target = Target.spawn(program, args);
  const service = new LiveProcess(target);
  const agent = RtldAgent.new(service);
  const notify = agent.eventAddr("RD_DLACTIVITY");
  if (notify.type === "RD_NOTIFY_BPT") target.insertBreakpoint(notify.bptaddr);
  const times: number[] = [];
  target.continue();
  for (;;) {
    const event = await target.next();
    if (event.kind === "exit") return times;
    if (event.kind !== "breakpoint") continue;
    service.lwp = event.tid;
    const from = performance.now();
    const { added } = agent.eventChange();
    if (added.length === 1) times.push((performance.now() - from) * 1000);
    target.continue(event.tid);
  }
}
