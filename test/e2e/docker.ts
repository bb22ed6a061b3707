/**
 * docker/compose.yaml as it is, on a Docker engine where one can be reached: from the image to the last
 * root. `npm run e2e:docker` does the same with longer outages and prints the figures.
 */
import t from 'tap'
import { withoutEngine } from './docker/engine.ts'
import { runScenario } from './docker/scenario.ts'

const OUTAGE_SECONDS = 8

const skip = await withoutEngine()
t.setTimeout(600_000)

t.test('a mesh in containers', { skip: skip ?? false }, async t => {
  const figures = await runScenario(
    { validators: 4, outageSeconds: OUTAGE_SECONDS, seed: 'e2e', stall: false },
    {
      check: (ok, what) => t.ok(ok, what),
      say: what => t.comment(what)
    }
  )
  t.comment(JSON.stringify(figures))
})
