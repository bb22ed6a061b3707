import { MeshError } from '@gradmesh/core'
import t from 'tap'
import { hardwareFirst, openAdapter } from '../src/device.ts'
import { biasRelu, type Kernel, matmulNN, openDevice, scaleAdd, type Tensor } from '../src/index.ts'
import { Device } from '../src/runtime/device.ts'
import { adapters, onEachAdapter } from './support/devices.ts'

t.test('an adapter that is not there is named, with those that are', async t => {
  const code = adapters.length === 0 ? 'GPU_NO_ADAPTER' : 'GPU_ADAPTER_NAME'
  const error = await openDevice({ adapter: 'no such adapter' }).catch((error: unknown) => error)
  t.ok(error instanceof MeshError)
  t.match(error, { code, remedy: String })
  for (const { name } of adapters) t.match((error as MeshError).remedy, name)
})

t.test('hardware comes before software', async t => {
  const found = [true, false, true, false].map((software, place) => ({ place, info: { software } }))
  t.strictSame(
    hardwareFirst(found).map(({ place }) => place),
    [1, 3, 0, 2]
  )
})

onEachAdapter(t, async (t, shared) => {
  const open = () => openDevice({ adapter: shared.info.name, checked: true })

  await t.test('many dispatches in one submit, in order', async t => {
    const x = shared.upload(Float32Array.of(1))
    const y = shared.tensor('f32', 1)
    shared.submit(step => {
      for (let i = 0; i < 600; i++) step.run(scaleAdd, { x, y }, { count: 1, scale: i, add: 1 })
      t.equal(step.dispatches, 600)
    })
    t.strictSame([...(await shared.read(y))], [(599 * 600) / 2], 'over two pages of scalars, each its own')
    shared.submit(step => {
      step.copy(y, x)
      step.clear(y)
    })
    t.strictSame(
      (await shared.read([x, y])).map(([value]) => value),
      [179_700, 0]
    )
    x.free()
    y.free()
  })

  await t.test('more groups than one dimension has spill into the next', async t => {
    const count = 65_536 * 64 + 3
    const x = shared.upload(new Float32Array(count).fill(1))
    const y = shared.tensor('f32', count)
    const bias = shared.upload(Float32Array.of(1))
    shared.submit(step => step.run(biasRelu, { x, bias, out: y }, { count, columns: 1 }))
    const got = await shared.read(y)
    t.equal(
      got.findIndex(value => value !== 2),
      -1
    )
    for (const tensor of [x, y, bias]) tensor.free()
  })

  await t.test('a pooled buffer comes back zeroed, and memory is counted', async t => {
    const device = await open()
    const dirty = device.upload(Float32Array.of(1, 2, 3))
    t.equal(device.memory().liveBytes, 256)
    dirty.free()
    t.match(device.memory(), { liveBytes: 0, pooledBytes: 256, peakBytes: 256, buffers: 1 })
    const again = device.tensor('f32', 3)
    t.strictSame([...(await device.read(again))], [0, 0, 0])
    t.equal(device.memory().buffers, 1)
    dirty.free()
    t.equal(device.memory().liveBytes, 256, 'freeing twice is freeing once')
    again.free()
    device.trim()
    t.match(device.memory(), { liveBytes: 0, pooledBytes: 0, peakBytes: 256, buffers: 0, stagingBytes: 0 })
    device.close()
  })

  await t.test('a view is a window on aligned elements', async t => {
    const whole = shared.upload(Float32Array.from({ length: 200 }, (_, i) => i))
    const part = whole.view(64, 3)
    t.strictSame([...(await shared.read(part))], [64, 65, 66])
    shared.write(part, Float32Array.of(7), 1)
    t.equal((await shared.read(whole))[65], 7)
    t.throws(() => whole.view(63, 1), { code: 'GPU_SHAPE' })
    t.throws(() => whole.view(192, 9), { code: 'GPU_SHAPE' })
    whole.free()
    t.throws(() => part.at(), { code: 'GPU_SHAPE' }, 'a view ends with its tensor')
  })

  await t.test('a bad call throws where it is made and submits nothing', async t => {
    const x = shared.upload(Float32Array.of(1, 2))
    const y = shared.tensor('f32', 2)
    const labels = shared.upload(Uint32Array.of(1, 2))
    const scalars = { count: 2, scale: 1, add: 0 }
    const bad = (tensors: Record<string, typeof x | typeof labels>, changed: object = {}) =>
      t.throws(
        () =>
          shared.submit(step => {
            step.run(scaleAdd, { x, y }, scalars)
            step.run(scaleAdd, tensors, { ...scalars, ...changed })
          }),
        { code: 'GPU_SHAPE', data: { kernel: 'scale-add/1' } }
      )
    bad({ x, y }, { count: 3 })
    bad({ x, y }, { count: -1 })
    bad({ x, y }, { scale: Number.NaN })
    bad({ x })
    bad({ x: labels, y })
    bad({ x, y, z: x })
    t.throws(() => shared.tensor('f32', 0), { code: 'GPU_SHAPE' })
    t.throws(() => shared.write(x, new Float32Array(3)), { code: 'GPU_SHAPE' })
    t.throws(() => shared.submit(step => step.copy(x, y, 3)), { code: 'GPU_SHAPE' })
    t.strictSame([...(await shared.read(y))], [0, 0])
    for (const tensor of [x, y, labels]) tensor.free()
  })

  await t.test('a kernel that does not compile is named', async t => {
    const broken: Kernel = { ...(scaleAdd as Kernel), id: 'broken/1', wgsl: () => ({ code: 'fn main( {' }) }
    const scalars = { count: 1, scale: 1, add: 1 }
    const [first, second] = [await open(), await open()]
    await t.rejects(first.prepare(broken, scalars), { code: 'GPU_VALIDATION', data: { kernel: 'broken/1' } })
    const [x, y] = [second.tensor('f32', 1), second.tensor('f32', 1)]
    second.submit(step => step.run(broken, { x, y }, scalars))
    await t.rejects(second.idle(), { code: 'GPU_VALIDATION', message: /broken\/1/ })
    first.close()
    second.close()
  })

  await t.test('one tensor both read and updated is refused with the kernel named', async t => {
    const device = await open()
    const y = device.tensor('f32', 1)
    device.submit(step => step.run(scaleAdd, { x: y, y }, { count: 1, scale: 1, add: 1 }))
    await t.rejects(device.idle(), { code: 'GPU_VALIDATION', data: { kernels: 'scale-add/1' } })
    t.throws(() => device.tensor('f32', 1), { code: 'GPU_VALIDATION' }, 'the first failure sticks')
    device.close()
  })

  await t.test('a pipeline is compiled once', async t => {
    const device = await open()
    const shape = { m: 64, n: 64, k: 64 }
    await Promise.all([device.prepare(matmulNN, shape), device.prepare(matmulNN, shape)])
    t.equal(device.memory().pipelines, 1)
    const [a, b, out] = [device.tensor('f32', 4096), device.tensor('f32', 4096), device.tensor('f32', 4096)]
    device.submit(step => step.run(matmulNN, { a, b, out }, { m: 64, n: 64, k: 60 }))
    t.equal(device.memory().pipelines, 1, 'another size of the same form is the same pipeline')
    await device.idle()
    device.close()
  })

  await t.test('an array over the limit is out of memory, before the GPU is asked', async t => {
    const length = Math.floor(shared.info.limits.maxBufferSize! / 4) + 4096
    t.throws(() => shared.tensor('f32', length), { code: 'GPU_OUT_OF_MEMORY', remedy: String })
  })

  await t.test('more than this machine has is out of memory, and the device stays usable', async t => {
    if (!shared.info.software) {
      t.plan(0, 'a hardware adapter tells by itself: filling it here would hurt its other users')
      return
    }
    const device = await open()
    const length = 2 ** 24
    const held: Tensor[] = []
    // Nothing of it is touched, so that no memory is really taken.
    const fill = () => {
      while (true) held.push(device.tensor('f32', length))
    }
    t.throws(fill, { code: 'GPU_OUT_OF_MEMORY', remedy: String })
    t.ok(held.length > 3, `${held.length} arrays of 64 MiB`)
    t.throws(fill, { code: 'GPU_OUT_OF_MEMORY' })
    held.pop()!.free()
    const x = device.upload(Float32Array.of(1, 2))
    t.strictSame([...(await device.read(x))], [1, 2], 'the pool gave back what nobody used')
    device.close()
  })

  await t.test('device loss ends what waits and what comes later', async t => {
    const init = await openAdapter({ adapter: shared.info.name })
    const lossy = new Device(init)
    const waiting = lossy.idle()
    init.gpu.destroy()
    await t.rejects(waiting, { code: 'GPU_DEVICE_LOST', remedy: String })
    t.throws(() => lossy.tensor('f32', 1), { code: 'GPU_DEVICE_LOST' })
    await t.rejects(lossy.idle(), { code: 'GPU_DEVICE_LOST' })
    lossy.close()
  })

  await t.test('close ends what waits, may come twice', async t => {
    const device = await open()
    const tensor = device.upload(new Float32Array(1000))
    const reading = device.read(tensor)
    device.close()
    device.close()
    await t.rejects(reading, { code: 'GPU_CLOSED' })
    t.throws(() => device.upload(Float32Array.of(1)), { code: 'GPU_CLOSED' })
  })
})
