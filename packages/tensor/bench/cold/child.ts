/**
 * `node child.ts [PART] [last]`: prepares each form of each kernel once, one after another, and tells how
 * long each took, and the yardstick around it. With `last`, only the form of a kernel's last case.
 */
import { Prng } from '@gradmesh/core'
import { kernels, openDevice } from '../../src/index.ts'
import type { ColdStart } from './run.ts'
import { yardstick } from './yardstick.ts'

const [wanted = '', which = 'all'] = process.argv.slice(2)
const device = await openDevice()

/** Of a software adapter CPU time counts, where it is less: other programs on this machine count for nothing. */
const timed = async (prepare: () => Promise<void>): Promise<number> => {
  const [from, used] = [performance.now(), process.cpuUsage()]
  await prepare()
  const { user, system } = process.cpuUsage(used)
  const wallMs = performance.now() - from
  return device.info.software ? Math.min(wallMs, (user + system) / 1000) : wallMs
}

let serial = 0
const measureYardstick = () => timed(() => device.prepare(yardstick, { size: 256 }, { serial: serial++ }))

await measureYardstick()
let before = await measureYardstick()
const starts: ColdStart[] = []
for (const kernel of kernels) {
  if (!kernel.id.includes(wanted)) continue
  const cases = [...kernel.cases(new Prng(kernel.id))]
  for (const { scalars, options = {} } of which === 'last' ? cases.slice(-1) : cases) {
    const { compilations } = device.memory()
    const ms = await timed(() => device.prepare(kernel, scalars, options))
    if (device.memory().compilations === compilations) continue
    const after = await measureYardstick()
    const form = `${JSON.stringify(scalars)} ${JSON.stringify(options)}`
    starts.push({ id: kernel.id, form, ms, yardsticks: (2 * ms) / (before + after) })
    before = after
  }
}
console.log(JSON.stringify({ adapter: device.info.name, starts }))
device.close()
