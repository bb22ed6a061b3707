/**
 * Laptops behind NATs join by ticket and talk with each other. `npm run e2e:nat` does the same with ten tries
 * and prints the figures.
 */
import t from 'tap'
import { withoutAdapter } from './harness.ts'
import { withoutNamespaces } from './namespaces/namespaces.ts'
import { runScenario } from './nat/scenario.ts'

const skip = (await withoutNamespaces()) ?? (await withoutAdapter())
t.setTimeout(300_000)

t.test('laptops behind NATs', { skip: skip ?? false }, async t => {
  const figures = await runScenario(
    { tries: 1, seed: 'e2e' },
    {
      check: (ok, what) => t.ok(ok, what),
      say: what => t.comment(what)
    }
  )
  t.comment(JSON.stringify(figures))
})
