import { systemClock } from '@gradmesh/core'
import { accuracyReport, type Trainer } from '@gradmesh/train'
import t from 'tap'
import { Duty, paced } from '../../src/caps/duty.ts'

/** An adapter that really keeps this core busy, queue and all: `step` returns at once, `idle` does the work. */
const busyAdapter = (stepMs: number) => {
  let queuedMs = 0
  let workedMs = 0
  const work = (): void => {
    const start = systemClock.nowMs()
    while (systemClock.nowMs() - start < queuedMs);
    workedMs += systemClock.nowMs() - start
    queuedMs = 0
  }
  const trainer: Trainer = {
    load() {},
    async step() {
      queuedMs += stepMs
      if (queuedMs > 2 * stepMs) work()
    },
    async finish() {
      work()
      return { difference: new Float32Array(), loss: 0 }
    },
    async evaluate() {
      queuedMs = 10 * stepMs
      work()
      return accuracyReport({ loss: 0, score: 0, samples: 1 })
    },
    async close() {}
  }
  return { trainer, device: { idle: async () => work() }, workedMs: () => workedMs }
}

const measure = async (share: number, stepMs: number, spanMs: number): Promise<number> => {
  const adapter = busyAdapter(stepMs)
  const trainer = paced(adapter.trainer, adapter.device, new Duty(share, systemClock))
  const start = systemClock.nowMs()
  for (let round = 0; systemClock.nowMs() - start < spanMs; round++) {
    trainer.load(new Float32Array())
    for (let step = 0; step < 20 && systemClock.nowMs() - start < spanMs; step++)
      await trainer.step(new Uint32Array(), 0)
    await trainer.finish()
    if (round % 5 === 4) await trainer.evaluate(new Float32Array())
  }
  return adapter.workedMs() / (systemClock.nowMs() - start)
}

t.test('the measured share of a busy loop is the cap, within a tenth of it', async t => {
  for (const [share, stepMs] of [
    [0.5, 6],
    [0.2, 1],
    [0.8, 30]
  ] as const) {
    // What else this machine does makes rests longer: no try goes above the cap, the busiest uses it.
    let busiest = 0
    for (let tries = 0; tries < 3 && busiest < 0.9 * share; tries++) {
      const measured = await measure(share, stepMs, 3000)
      t.comment(`cap ${share}, steps of ${stepMs} ms: measured ${measured.toFixed(3)}`)
      t.ok(measured <= 1.1 * share, `${measured.toFixed(3)} is at most a tenth above ${share}`)
      busiest = Math.max(busiest, measured)
    }
    t.ok(busiest >= 0.9 * share, `${busiest.toFixed(3)} uses what ${share} allows`)
  }
})

t.test('time in which there was nothing to do earns half a second of work, and no more', async t => {
  let now = 0
  const clock = {
    nowMs: () => now,
    after(delayMs: number, run: () => void) {
      now += delayMs
      queueMicrotask(run)
      return { cancel() {} }
    }
  }
  const duty = new Duty(0.5, clock)
  now += 3_600_000
  duty.worked(250)
  await duty.rest()
  t.equal(duty.restedMs, 0)
  duty.worked(100)
  await duty.rest()
  t.equal(duty.restedMs, 200)
})

t.test('a process that was stopped in the middle of its work owes no rest for that', async t => {
  let now = 0
  const due: { atMs: number; run: () => void }[] = []
  const clock = {
    nowMs: () => now,
    after(delayMs: number, run: () => void) {
      const timer = { atMs: now + delayMs, run }
      due.push(timer)
      return { cancel: () => void due.splice(due.indexOf(timer), 1) }
    }
  }
  /** Timers that came due meanwhile fire once, late. */
  const pass = (ms: number): void => {
    now += ms
    const passed = due.filter(({ atMs }) => atMs <= now)
    for (const timer of passed) due.splice(due.indexOf(timer), 1)
    for (const timer of passed) timer.run()
  }
  const duty = new Duty(0.1, clock)
  const work = Promise.withResolvers<void>()
  const idle = async (): Promise<void> => {}
  const adapter = { step: () => work.promise } as unknown as Trainer
  const step = paced(adapter, { idle }, duty).step(new Uint32Array(), 0)
  await Promise.resolve()
  for (let beat = 0; beat < 4; beat++) pass(250)
  pass(7_000)
  pass(100)
  work.resolve()
  await step
  t.equal(duty.workedMs, 1_350, 'the second before, a beat and what came after')
  t.equal(duty.restedMs, 6_750)
  t.strictSame(due, [], 'no beat goes on')
})
