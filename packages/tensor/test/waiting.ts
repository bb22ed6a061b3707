/** What waiting costs, and what goes on meanwhile. */
import t from 'tap'
import { matmulNN, openDevice, scaleAdd } from '../src/index.ts'
import { onEachAdapter } from './support/devices.ts'

const SIZE = 256
const shape = { m: SIZE, n: SIZE, k: SIZE }

type Open = Awaited<ReturnType<typeof openDevice>>

/** Work of about a second, however fast the adapter: measured first. */
const longWork = async (device: Open) => {
  const [a, b, out] = [0, 1, 2].map(() => device.tensor('f32', SIZE * SIZE)) as [never, never, never]
  const submit = (products: number): void =>
    device.submit(step => {
      for (let i = 0; i < products; i++) step.run(matmulNN, { a, b, out }, shape, { family: 'tiled' })
    })
  submit(1)
  await device.idle()
  const from = performance.now()
  submit(4)
  await device.idle()
  const each = (performance.now() - from) / 4
  return () => submit(Math.min(4000, Math.ceil(800 / each)))
}

onEachAdapter(t, async (t, shared) => {
  const { name } = shared.info

  await t.test('waiting burns no core', async t => {
    for (const throttle of [true, false]) {
      const device = await openDevice({ adapter: name, throttle })
      const submit = await longWork(device)
      submit()
      const [from, used] = [performance.now(), process.threadCpuUsage()]
      await device.idle()
      const { user, system } = process.threadCpuUsage(used)
      const wallMs = performance.now() - from
      const share = (user + system) / 1000 / wallMs
      t.comment(`throttle ${throttle}: ${share.toFixed(3)} of a core over ${wallMs.toFixed(0)} ms`)
      if (throttle) t.ok(share < 0.5, `${share.toFixed(3)} of a core is less than half`)
      device.close()
    }
  })

  await t.test('a readback does not wait for what was submitted after it', async t => {
    const device = await openDevice({ adapter: name })
    const submit = await longWork(device)
    const x = device.upload(Float32Array.of(1, 2, 3))
    const y = device.tensor('f32', 3)
    device.submit(step => step.run(scaleAdd, { x, y }, { count: 3, scale: 2, add: 0 }))
    const order: string[] = []
    const reading = device.read(y).then(values => {
      order.push('read')
      return values
    })
    submit()
    device.write(x, Float32Array.of(7, 7, 7))
    device.submit(step => step.run(scaleAdd, { x, y }, { count: 3, scale: 1, add: 0 }))
    const all = device.idle().then(() => order.push('idle'))
    t.strictSame([...(await reading)], [2, 4, 6], 'the values of its own moment')
    await all
    t.strictSame(order, ['read', 'idle'])
    t.strictSame([...(await device.read(y))], [7, 7, 7], 'the upload came after what was submitted before it')
    device.close()
  })

  await t.test('readbacks under way have staging of their own, and give it back', async t => {
    const device = await openDevice({ adapter: name })
    const tensors = Array.from({ length: 6 }, (_, i) => device.upload(new Float32Array(64).fill(i)))
    for (let round = 0; round < 3; round++) {
      const values = await Promise.all(tensors.map(tensor => device.read(tensor)))
      t.strictSame(
        values.map(([first]) => first),
        [0, 1, 2, 3, 4, 5]
      )
    }
    t.equal(device.memory().stagingPeakBytes, 6 * 256)
    device.close()
  })

  await t.test('prepare compiles all, the driver part included; the second use compiles nothing', async t => {
    const device = await openDevice({ adapter: name })
    const scalars = { m: 96, n: 160, k: 68 }
    await device.prepare(matmulNN, scalars)
    const { compilations, liveBytes } = device.memory()
    t.strictSame([compilations, liveBytes], [1, 0])
    const [a, b] = [device.tensor('f32', 96 * 68), device.tensor('f32', 68 * 160)]
    const out = device.tensor('f32', 96 * 160)
    for (let use = 0; use < 3; use++) device.submit(step => step.run(matmulNN, { a, b, out }, scalars))
    await device.prepare(matmulNN, scalars)
    await device.idle()
    t.equal(device.memory().compilations, 1)
    device.close()
  })
})
