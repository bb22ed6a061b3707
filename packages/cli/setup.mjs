/**
 * What `npm start` and `npm test` run first, on whatever Node 20 or newer the machine has and with
 * nothing installed: it brings the locked dependencies (the runtime among them) and a WebGPU adapter,
 * then hands over. Where all is in place it only looks.
 *
 *     node packages/cli/setup.mjs --then gradmesh demo [ARGUMENTS]
 */
import { join } from 'node:path'
import { adapterNames } from './setup/adapter.mjs'
import { ensureInstalled, ensureTapBuilt } from './setup/install.mjs'
import { ensureMesa } from './setup/mesa.mjs'
import { checkPlatform, findRuntime } from './setup/platform.mjs'
import { handOver, ROOT, Stop, say } from './setup/process.mjs'

/** `isPure`: runs without a WebGPU adapter. */
const TARGETS = {
  gradmesh: { file: 'packages/cli/src/main.ts', isTest: false },
  'run-tests': { file: 'test/run.ts', isTest: true },
  'e2e-page': { file: 'test/e2e/status-page/run.ts', isTest: false },
  'e2e-nat': { file: 'test/e2e/nat/run.ts', isTest: false },
  'bench-consensus': { file: 'test/bench/consensus/run.ts', isTest: false },
  'bench-sync': { file: 'test/bench/sync/run.ts', isTest: false, isPure: true },
  chaos: { file: 'test/e2e/chaos/run.ts', isTest: false },
  'bench-asking': { file: 'test/bench/asking/run.ts', isTest: false },
  'bench-http': { file: 'test/bench/http/run.ts', isTest: false },
  'bench-models': { file: 'packages/models/bench/models.ts', isTest: false },
  'bench-tasks': { file: 'test/bench/tasks/run.ts', isTest: false },
  'bench-compute': { file: 'packages/tensor/bench/compute/run.ts', isTest: false },
  'run-sim': { file: 'test/sim/run.ts', isTest: false, isPure: true },
  'run-fuzz': { file: 'test/fuzz/run.ts', isTest: false, isPure: true },
  'run-mutants': { file: 'test/sim/mutants/run.ts', isTest: false, isPure: true }
}

const main = async ([flag, name, ...rest]) => {
  const target = TARGETS[name]
  if (flag !== '--then' || target === undefined) {
    throw new Stop(
      `usage: node packages/cli/setup.mjs --then ${Object.keys(TARGETS).join('|')} [ARGUMENTS]`,
      2
    )
  }
  checkPlatform()
  await ensureInstalled()
  const runtime = await findRuntime()
  if (target.isTest) await ensureTapBuilt(runtime)
  const asksForHelp = rest.includes('--help') || rest.includes('-h')
  if (!target.isPure && !asksForHelp) await ensureAdapter(runtime)
  return handOver(runtime, [join(ROOT, target.file), ...rest])
}

const ensureAdapter = async runtime => {
  if ((await adapterNames(runtime)).length > 0) return
  if (process.platform !== 'linux') {
    throw new Stop(
      'no WebGPU adapter: gradmesh needs Metal on macOS, or Direct3D 12 or Vulkan on Windows. Update the GPU driver.'
    )
  }
  await ensureMesa()
  if ((await adapterNames(runtime)).length > 0) return
  throw new Stop(
    'there is still no WebGPU adapter after the installation of Mesa. `vulkaninfo --summary` (package vulkan-tools) shows what the system offers.'
  )
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Stop)) throw error
  if (error.message !== '') say(error.message)
  process.exitCode = error.exitCode
}
