/** The tuner on every adapter: what it keeps, what it takes back, and how it ends. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { matmulNN, TUNE_VERSION, type TuneStore, tune } from '../src/index.ts'
import { onEachAdapter } from './support/devices.ts'

t.test('results carry the version of the package', async t => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  t.ok(TUNE_VERSION.startsWith(`${version}/`))
})

class MemoryStore implements TuneStore {
  readonly files = new Map<string, string>()
  async read(name: string): Promise<string | undefined> {
    return this.files.get(name)
  }
  async write(name: string, text: string): Promise<void> {
    this.files.set(name, text)
  }
}

onEachAdapter(t, async (t, device) => {
  const store = new MemoryStore()
  const measured = await tune(device, { store, budgetMs: 1500 })
  t.equal(store.files.size, 1)
  const [name, text] = [...store.files][0]!
  t.match(name, /^tune-[0-9a-f]{8}\.json$/)
  t.same(JSON.parse(text), measured)
  for (const { name, chosen, tried } of measured.classes) {
    t.ok(tried.length >= 1, `${name}: tried`)
    const { f16, ...tile } = chosen
    t.match(
      tried.find(each => !each.f16),
      tile,
      'the fastest in f32 is chosen'
    )
    t.match(tried[0], f16 === null ? { f16: false } : { f16: true, ...f16 }, 'and f16 where it is faster')
    t.same(device.machine.tuned?.get(name), chosen, 'and used')
  }

  await t.test('the second start measures nothing', async t => {
    device.machine.tuned?.clear()
    const { compilations } = device.memory()
    t.same(await tune(device, { store }), measured)
    t.equal(device.memory().compilations, compilations)
    t.equal(device.machine.tuned?.size, measured.classes.length)
  })

  await t.test('a choice is obeyed, and overruled by the caller', async t => {
    const shape = { m: 256, n: 256, k: 256 }
    const machine = {
      ...device.machine,
      f16: true,
      tuned: new Map([['nn middle', { family: 'tiled', tileRows: 32, f16: { tileRows: 64 } } as const]])
    }
    t.match(matmulNN.variant(shape, {}, machine), { family: 'tiled', tileRows: 32, f16: false })
    t.match(matmulNN.variant(shape, { f16: 'allowed' }, machine), { tileRows: 64, f16: true })
    t.match(matmulNN.variant(shape, { f16: 'allowed' }, { ...machine, tuned: new Map() }), { f16: false })
    t.throws(() => matmulNN.variant(shape, { f16: 'always' }, { ...machine, f16: false }), {
      code: 'GPU_FEATURE'
    })
    t.match(matmulNN.variant(shape, { family: 'tiled', tileRows: 64 }, machine), { tileRows: 64 })
    t.match(
      matmulNN.variant({ ...shape, m: 8 }, {}, machine),
      matmulNN.variant({ ...shape, m: 8 }, {}, { ...machine, tuned: new Map() })
    )
  })

  await t.test('damaged and foreign results are measured again', async t => {
    const foreign = JSON.stringify({ ...measured, driver: 'another' })
    const absurd = JSON.stringify({
      ...measured,
      classes: [
        { name: 'nn large', shape: {}, chosen: { family: 'dir4', tileRows: 5, f16: null }, tried: [] }
      ]
    })
    for (const bad of ['', '{', 'null', foreign, absurd]) {
      store.files.set(name, bad)
      const again = await tune(device, { store, budgetMs: 0 })
      t.same(again.classes, [], 'no time, no class')
      t.notOk(again.complete)
    }
  })

  await t.test('an abort ends it and keeps nothing', async t => {
    const empty = new MemoryStore()
    const { classes } = await tune(device, { store: empty, signal: AbortSignal.abort() })
    t.same(classes, [])
    t.equal(empty.files.size, 0)
  })
  t.equal(device.memory().liveBytes, 0, 'every tensor went back')
})
