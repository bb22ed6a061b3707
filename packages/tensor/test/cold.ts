/**
 * First use of every kernel, in the form of its last case, compiles in time, driver included; a second start
 * compiles nothing. All forms: `node packages/tensor/bench/cold.ts`.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { coldStarts } from '../bench/cold/run.ts'
import { kernels } from '../src/index.ts'
import { adapters } from './support/devices.ts'

/** Of CPU time, which other programs on the machine stretch too, by sharing caches: alone, all stay below 1,500. */
const LIMIT_MS = 3000

t.setTimeout(280_000)

const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => `${join(parentPath, name)} ${statSync(join(parentPath, name)).size}`)
    .toSorted()

t.test(
  'each kernel once, twice over',
  { skip: adapters.length === 0 ? 'no WebGPU adapter on this machine' : false },
  async t => {
    const cache = t.testdir()
    const first = await coldStarts({ last: true, cache })
    t.equal(new Set(first.starts.map(({ id }) => id)).size, kernels.length, 'none left out')
    const slowest = first.starts.reduce((a, b) => (b.ms > a.ms ? b : a))
    t.comment(`slowest: ${slowest.id} ${slowest.ms.toFixed(0)} ms ${slowest.form}`)
    for (const { id, form, ms } of first.starts) {
      t.ok(ms < LIMIT_MS, `${id} ${form}: ${ms.toFixed(0)} ms`)
    }
    const kept = filesOf(cache)
    if (kept.length === 0) return t.comment(`${first.adapter}: not Mesa, its cache lies elsewhere`)
    await coldStarts({ last: true, cache })
    t.strictSame(filesOf(cache), kept, 'the second start added nothing to what the driver keeps')
  }
)
