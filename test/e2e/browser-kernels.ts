/**
 * The compute engine in a page: every kernel's cases, the bits of the products, and the life of a
 * device, in Chromium on its software adapter. The very sources that Node runs, types stripped.
 */
import t from 'tap'
import type * as Core from '../../packages/core/src/index.ts'
import type * as Tensor from '../../packages/tensor/src/index.ts'
import type * as Suite from '../../packages/tensor/test/support/kernel-suite.ts'
import { inPage, withoutBrowser } from './page/chromium.ts'
import { servePage } from './page/serve.ts'

// Half a minute on a quiet machine; other work beside it must not fail it.
t.setTimeout(280_000)

const skip = await withoutBrowser()

interface Loaded {
  readonly core: typeof Core
  readonly tensor: typeof Tensor
  readonly suite: typeof Suite
  readonly device: Tensor.Device
}

t.test('in a page', { skip: skip ?? false }, async t => {
  const server = await servePage()
  t.teardown(() => server.close())
  await inPage(server.url, async page => {
    const complaints: string[] = []
    page.on('pageerror', error => complaints.push(String(error)))
    const found = await page.evaluate(async () => {
      if (navigator.gpu === undefined) return 'the page has no navigator.gpu'
      if ((await navigator.gpu.requestAdapter()) === null) return 'the browser gives no adapter'
      const load = (path: string) => import(path)
      const [core, tensor, suite] = await Promise.all([
        load('/packages/core/src/index.ts'),
        load('/packages/tensor/src/index.ts'),
        load('/packages/tensor/test/support/kernel-suite.ts')
      ])
      const device = await tensor.openDeviceOn(navigator.gpu, { checked: true })
      Object.assign(globalThis, { loaded: { core, tensor, suite, device } })
      return {
        info: device.info as Tensor.Device['info'],
        machine: device.machine as Tensor.Device['machine'],
        kernels: (tensor as typeof Tensor).kernels.map(({ id }) => id)
      }
    })
    if (typeof found === 'string') throw new TypeError(found)
    t.comment(`${found.info.name}; subgroups of ${found.machine.subgroupSize}`)
    t.ok(found.info.software, 'a software adapter, known as one')
    t.ok(found.kernels.length >= 15, `${found.kernels.length} kernels`)

    await t.test('every kernel agrees with its reference', async t => {
      for (const id of found.kernels) {
        const results = await page.evaluate(async id => {
          const { tensor, suite, device } = (globalThis as unknown as { loaded: Loaded }).loaded
          const kernel = tensor.kernels.find(kernel => kernel.id === id)!
          const results: Suite.CaseResult[] = []
          for await (const result of suite.runCases(device, kernel)) results.push(result)
          return results
        }, id)
        t.ok(results.length > 0, `${id} has cases`)
        t.strictSame(
          results.filter(({ wrong }) => wrong.length > 0),
          [],
          `${id}: ${results.length} cases`
        )
      }
    })

    await t.test('products have the bits of the stated order', async t => {
      const differing = await page.evaluate(async () => {
        const { core, tensor, device } = (globalThis as unknown as { loaded: Loaded }).loaded
        const prng = new core.Prng('browser/bits')
        const values = (n: number) =>
          Float32Array.from({ length: n }, () => prng.below(2 ** 24) / 2 ** 23 - 1)
        const forms = { nn: tensor.matmulNN, nt: tensor.matmulNT, tn: tensor.matmulTN }
        const differing: Record<string, number> = {}
        for (const shape of [
          { m: 67, n: 131, k: 37 },
          { m: 32, n: 64, k: 68 }
        ]) {
          const [hostA, hostB] = [values(shape.m * shape.k), values(shape.k * shape.n)]
          const [a, b] = [device.upload(hostA), device.upload(hostB)]
          for (const form of ['nn', 'nt', 'tn'] as const) {
            const out = device.tensor('f32', shape.m * shape.n)
            device.submit(step => step.run(forms[form], { a, b, out }, shape))
            const want = tensor.matmulF32(form, hostA, hostB, shape)
            const got = await device.read(out)
            differing[`${form} ${Object.values(shape).join('x')}`] = got.reduce(
              (sum, value, i) => sum + Number(value !== want[i]),
              0
            )
            out.free()
          }
          a.free()
          b.free()
        }
        return differing
      })
      t.equal(Object.keys(differing).length, 6)
      for (const [name, count] of Object.entries(differing)) t.equal(count, 0, name)
    })

    await t.test('a device ends with a typed error and opens again', async t => {
      const seen = await page.evaluate(async () => {
        const { tensor, device } = (globalThis as unknown as { loaded: Loaded }).loaded
        const used = device.memory()
        device.close()
        const code = await device.idle().then(
          () => 'none',
          (error: { code: string }) => error.code
        )
        const again = await tensor.openDeviceOn(navigator.gpu)
        const x = again.upload(Float32Array.of(1, -2, 3, -4))
        const bias = again.upload(Float32Array.of(0.5, 0.5))
        const out = again.tensor('f32', 4)
        again.submit(step =>
          step.run(tensor.biasRelu, { x, bias, out }, { count: 4, columns: 2 }, { relu: true })
        )
        const values = [...(await again.read(out))]
        again.close()
        return { used, code, values }
      })
      t.equal(seen.used.liveBytes, 0, 'every tensor went back to the pool')
      t.equal(seen.code, 'GPU_CLOSED')
      t.strictSame(seen.values, [1.5, 0, 3.5, 0])
    })
    t.strictSame(complaints, [], 'the page threw nothing')
  })
})
