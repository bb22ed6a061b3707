/**
 * The model of the slot rules, explored at random as far as a minute goes, by Quint's interpreter in TypeScript (its
 * other backends are fetched from the network, so they are not used). To look further:
 *
 *     npx quint run test/model/simplex.qnt --main four --backend typescript --max-samples 10000 --invariants ...
 */
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const INVARIANTS = [
  'oneNotarASlot',
  'oneFinalASlot',
  'finalExcludesSkip',
  'finalHasNotar',
  'finalsAgree',
  'noFinalIsPassedBy',
  'parentsAreNotarised',
  'gapsAreSkipped',
  'honestVoteOnce',
  'honestNeverSkipAndFinal'
]
const STEPS = 40
const SAMPLES = 25
const MODEL = fileURLToPath(new URL('simplex.qnt', import.meta.url))
const quint = dirname(fileURLToPath(import.meta.resolve('@informalsystems/quint/package.json')))
const run = promisify(execFile)

/** What Quint prints and whether it found a violation. */
const explore = async (main: string, samples: number, ...invariants: readonly string[]) => {
  const limits = ['--max-samples', `${samples}`, '--max-steps', `${STEPS}`, '--seed', '1', '--verbosity', '1']
  const what = ['run', MODEL, '--main', main, '--backend', 'typescript', ...limits]
  const command = [join(quint, 'dist/src/cli.js'), ...what, '--invariants', ...invariants]
  const { failed, text } = await run(process.execPath, command).then(
    ({ stdout }) => ({ failed: false, text: stdout }),
    ({ stdout, stderr }: { stdout: string; stderr: string }) => ({ failed: true, text: stdout + stderr })
  )
  return { violated: failed && text.includes('[violation]'), held: text.includes('No violation found'), text }
}

for (const main of ['four', 'weighted']) {
  t.test(`${main}: below a third of the stake may be faulty, and all holds`, async t => {
    const { held, text } = await explore(main, SAMPLES, ...INVARIANTS)
    t.ok(held, text)
  })
}

t.test('the model gets somewhere: two blocks become final', async t => {
  const { violated, text } = await explore('four', 400, 'twoFinals')
  t.ok(violated, text)
})

t.test('with two faulty of four it breaks', async t => {
  for (const invariant of ['finalExcludesSkip', 'oneNotarASlot', 'finalsAgree']) {
    const { violated, text } = await explore('broken', 400, invariant)
    t.ok(violated, `${invariant}: ${text}`)
  }
})
