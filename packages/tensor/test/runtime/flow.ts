import t from 'tap'
import { Flow, SUBMITS_MAX, UNWAITED_MAX } from '../../src/runtime/flow.ts'

/** A queue whose work is done when the test says so. */
const queue = () => {
  const fences: (() => void)[] = []
  const flow = new Flow(() => new Promise(resolve => fences.push(resolve)))
  return { flow, fences }
}

const settled = async (promise: Promise<void>): Promise<boolean> => {
  let over = false
  promise.then(() => {
    over = true
  })
  for (let turn = 0; turn < 10; turn++) await null
  return over
}

t.test('a loop that waits for room is held at the bound and goes on as work is done', async t => {
  const { flow, fences } = queue()
  let waiting: Promise<void> | undefined
  let peak = 0
  for (let step = 0; step < 100; step++) {
    flow.enter()
    peak = Math.max(peak, flow.underWay)
    waiting = flow.room()
    while (!(await settled(waiting))) {
      t.ok(fences.length > 0, 'whoever waits, waits for a fence')
      fences.shift()!()
    }
  }
  t.ok(peak <= SUBMITS_MAX + 1 && peak > SUBMITS_MAX / 2, `${peak} under way at most`)
})

t.test('room is there at once while little is under way', async t => {
  const { flow, fences } = queue()
  for (let step = 0; step < 3; step++) flow.enter()
  t.ok(await settled(flow.room()))
  t.equal(fences.length, 0, 'and costs no fence')
})

t.test('a wait for all empties the count, for submits before it alone', async t => {
  const { flow } = queue()
  flow.enter()
  let finish: () => void = () => t.fail('set below')
  const idle = flow.until(
    new Promise<void>(resolve => {
      finish = resolve
    })
  )
  flow.enter()
  finish()
  await idle
  t.equal(flow.underWay, 1)
})

t.test('a loop that never waits is stopped', async t => {
  const { flow } = queue()
  for (let step = 0; step < UNWAITED_MAX; step++) flow.enter()
  t.throws(() => flow.enter(), { code: 'GPU_QUEUE', remedy: String })
})

t.test('a device that fails rejects room, and nothing goes unhandled', async t => {
  const flow = new Flow(() => Promise.reject(new TypeError('gone')))
  for (let step = 0; step < SUBMITS_MAX + 1; step++) flow.enter()
  await t.rejects(flow.room(), TypeError)
})
