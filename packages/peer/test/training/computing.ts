/** The compute thread's table on a real adapter that goes away in the middle. */
import { Prng, pause, systemClock } from '@gradmesh/core'
import { makeLayout, paddedLength } from '@gradmesh/delta'
import { type Device, listAdapters, openDevice } from '@gradmesh/tensor'
import { openLosable } from '@gradmesh/tensor/testing'
import { openTask } from '@gradmesh/train'
import t from 'tap'
import { COMPUTE_LOST, type ComputeTable, makeCompute } from '../../src/training/computing.ts'
import { startWorker } from '../../src/worker-rpc.ts'

t.setTimeout(120_000)

const adapters = await listAdapters().catch(() => [])
const skip = adapters.length === 0 ? 'no WebGPU adapter on this machine' : false

const task = openTask({ id: 'digits', options: {} })
const BATCH = 8
const STEPS = 3

const options = (() => {
  const { chunk, keep, errorDecayQ8 } = task.recipe
  const seed = new Uint8Array(32)
  return {
    task: { id: task.id, options: {}, digest: null },
    seed,
    plugin: null,
    dataset: null,
    adapter: null,
    batch: BATCH,
    chunk,
    keep,
    decayQ8: errorDecayQ8,
    gpuShare: null,
    stored: null
  }
})()

const weights = (() => {
  const tensors = task
    .tensors()
    .map(({ name, shape }) => ({ name, length: shape.reduce((a, b) => a * b, 1) }))
  const prng = new Prng('computing')
  return new Int32Array(paddedLength(makeLayout(tensors, options))).map(() => prng.below(2 ** 20) - 2 ** 19)
})()

const input = (round: number) => ({
  weights: weights.slice(),
  rows: Uint32Array.from({ length: STEPS * BATCH }, (_, i) => i + round * STEPS * BATCH),
  steps: STEPS,
  batch: BATCH,
  rate: 1e-3,
  done: 0,
  budgetMs: 60_000
})

t.test('an adapter that goes away costs one round, not the error buffer', { skip }, async t => {
  const steady = makeCompute(openDevice)
  let lose: () => void = () => t.fail('no device was opened')
  let opened = 0
  const shaken = makeCompute(async options => {
    opened++
    const losable = await openLosable(options)
    lose = losable.lose
    return losable.device
  })
  t.teardown(async () => {
    await steady.close()
    await shaken.close()
  })
  t.equal((await shaken.open(options)).samples, (await steady.open(options)).samples)

  const [first, same] = [await steady.round(input(0)), await shaken.round(input(0))]
  t.strictSame(same.payload, first.payload, 'one adapter, one answer')
  for (const compute of [steady, shaken]) compute.settle({ accepted: true })

  const cut = shaken.round(input(1))
  lose()
  await t.rejects(cut, { code: COMPUTE_LOST, data: { code: 'GPU_DEVICE_LOST' }, remedy: String })
  t.equal(opened, 1)
  lose()
  const [second, again] = [await steady.round(input(2)), await shaken.round(input(2))]
  t.equal(opened, 2, 'the next round opened it again')
  t.strictSame(again.accumulated, second.accumulated, 'what earlier rounds left unsent is still there')
  t.strictSame(again.payload, second.payload)
  lose()
  await t.rejects(shaken.evaluate({ weights: weights.slice() }), { code: COMPUTE_LOST })
  t.match(await shaken.evaluate({ weights: weights.slice() }), { score: Number })
})

t.test('an adapter that does not come back is asked again each time', { skip }, async t => {
  let lose: () => void = () => t.fail('no device was opened')
  let gone = false
  const compute = makeCompute(async options => {
    const losable = await openLosable(gone ? { adapter: 'no such adapter' } : options)
    lose = losable.lose
    return losable.device
  })
  t.teardown(() => compute.close())
  await compute.open(options)
  gone = true
  lose()
  for (let attempt = 0; attempt < 2; attempt++)
    await t.rejects(compute.round(input(0)), { code: COMPUTE_LOST })
  gone = false
  t.equal((await compute.round(input(0))).steps, STEPS)
})

const LONG = 2000

t.test('what is under way in the thread is cut short', { skip }, async t => {
  const tuneFolder = t.testdir()
  const { call, close } = startWorker<ComputeTable>('training/compute-worker', { tuneFolder }, t.fail)
  t.teardown(close)
  const { samples } = await call.open(options)
  const rows = Uint32Array.from({ length: 50 * LONG * BATCH }, (_, i) => i % samples)
  let over = false
  const steps = 50 * LONG
  const round = call.round({ ...input(0), rows, steps }).finally(() => {
    over = true
  })
  await pause(systemClock, 500)
  t.notOk(over, 'still at it')
  const start = performance.now()
  await call.abandon(undefined)
  t.ok((await round).steps < steps, 'after the step under way')
  t.ok(performance.now() - start < 5000, 'a round has a minute')
  t.equal((await call.round({ ...input(0), rows, steps })).steps, 1, 'and for good')
  await call.close(undefined)
})

t.test('an adapter that is being opened is given back between two steps', { skip }, async t => {
  const devices: Device[] = []
  const compute = makeCompute(async options => {
    const device = await openDevice(options)
    compute.abandon()
    devices.push(device)
    return device
  })
  await t.rejects(compute.open(options), { code: 'PEER_STOPPED' })
  const [device] = devices
  await t.rejects(async () => device!.upload(Float32Array.of(1)), 'closed: nothing holds the process')
  await t.rejects(compute.open(options), { code: 'PEER_STOPPED' })
  t.equal(devices.length, 1, 'and never opened again')
})

/** Share of the time in which the adapter worked, and steps done, over rounds that never wait for anybody. */
const train = async (gpuShare: number | null) => {
  const compute = makeCompute(openDevice)
  const { samples } = await compute.open({ ...options, gpuShare })
  const rows = Uint32Array.from({ length: LONG * BATCH }, (_, i) => i % samples)
  const round = async () => {
    const trained = await compute.round({ ...input(0), rows, steps: LONG, budgetMs: 700 })
    compute.settle({ accepted: true })
    return trained
  }
  // What was earned while the adapter opened is spent first.
  await round()
  const start = performance.now()
  let busySeconds = 0
  let steps = 0
  for (let i = 0; i < 5; i++) {
    const trained = await round()
    busySeconds += trained.seconds - trained.restSeconds
    steps += trained.steps
  }
  const wallSeconds = (performance.now() - start) / 1000
  await compute.close()
  return { share: busySeconds / wallSeconds, stepsPerSecond: steps / wallSeconds, steps }
}

t.test(
  'the cap on the adapter holds with the real kernels: fewer steps, and it says so',
  { skip },
  async t => {
    const free = await train(null)
    const capped = await train(0.4)
    t.ok(Math.abs(capped.share - 0.4) <= 0.04, `worked ${capped.share.toFixed(3)} of the time`)
    t.ok(free.share > 0.9, `without a cap ${free.share.toFixed(3)}`)
    t.ok(capped.steps < 5 * LONG && capped.steps >= 5)
    const ratio = capped.stepsPerSecond / free.stepsPerSecond
    t.comment(`steps a second under a cap of 40 %: ${ratio.toFixed(2)} of those without`)
  }
)
