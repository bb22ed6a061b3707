/**
 * Everything that `npm test` checks: lint, types, then every test. It ends with one line of totals, and
 * with exit code 1 if anything failed; nothing stops it early.
 *
 *     npm test                          all
 *     npm test -- packages/delta sim    only the tests whose path contains one of these
 */
import { fileURLToPath } from 'node:url'
import { testFiles } from './runner/files.ts'
import { runTool } from './runner/process.ts'
import { runTap, type Totals, totalsLine } from './runner/tap.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Meshes of real processes, which need the machine for themselves. */
const ALONE = /^test\/(e2e|docs)\//

const started = performance.now()
const wanted = process.argv.slice(2)
const files = testFiles(root).filter(file => wanted.length === 0 || wanted.some(part => file.includes(part)))
const totals: Totals = { passed: 0, failed: 0, skipped: 0 }

const add = (part: Totals): void => {
  totals.passed += part.passed
  totals.failed += part.failed
  totals.skipped += part.skipped
}

if (wanted.length === 0) {
  add(await runTool(root, 'lint', ['biome', 'check', '.']))
  add(await runTool(root, 'types', ['tsc', '--noEmit']))
}
add(
  await runTap(
    root,
    files.filter(file => !ALONE.test(file)),
    { jobs: 2, timeoutSeconds: 300 }
  )
)
add(
  await runTap(
    root,
    files.filter(file => ALONE.test(file)),
    { jobs: 1, timeoutSeconds: 900 }
  )
)

console.log(`\n${files.length} test files in ${((performance.now() - started) / 1000).toFixed(0)} s`)
console.log(totalsLine(totals))
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0
