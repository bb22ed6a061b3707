/**
 * `node child.ts [PART] [last]`: prepares each form of each kernel once, one after another, and tells how
 * long each took. With `last`, only the form of a kernel's last case.
 */
import { Prng } from '@gradmesh/core'
import { kernels, openDevice } from '../../src/index.ts'
import type { ColdStart } from './run.ts'

const [wanted = '', which = 'all'] = process.argv.slice(2)
const device = await openDevice()
const starts: ColdStart[] = []
for (const kernel of kernels) {
  if (!kernel.id.includes(wanted)) continue
  const cases = [...kernel.cases(new Prng(kernel.id))]
  for (const { scalars, options = {} } of which === 'last' ? cases.slice(-1) : cases) {
    const { compilations } = device.memory()
    const [from, used] = [performance.now(), process.cpuUsage()]
    await device.prepare(kernel, scalars, options)
    const { user, system } = process.cpuUsage(used)
    const wallMs = performance.now() - from
    const ms = device.info.software ? Math.min(wallMs, (user + system) / 1000) : wallMs
    if (device.memory().compilations === compilations) continue
    starts.push({ id: kernel.id, form: `${JSON.stringify(scalars)} ${JSON.stringify(options)}`, ms })
  }
}
console.log(JSON.stringify({ adapter: device.info.name, starts }))
device.close()
