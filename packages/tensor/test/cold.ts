/** First use of a product compiles in time, driver included. All kernels: `node packages/tensor/bench/cold.ts`. */
import t from 'tap'
import { coldStarts } from '../bench/cold/run.ts'
import { adapters } from './support/devices.ts'

const LIMIT_MS = 1500

t.setTimeout(120_000)

t.test(
  'no form takes long',
  { skip: adapters.length === 0 ? 'no WebGPU adapter on this machine' : false },
  async t => {
    const { starts } = await coldStarts('matmul-nt/')
    t.ok(starts.length >= 4, `${starts.length} forms`)
    for (const { id, form, ms } of starts) t.ok(ms < LIMIT_MS, `${id} ${form}: ${ms.toFixed(0)} ms`)
  }
)
