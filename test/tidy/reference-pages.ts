import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { metricHelp } from '../../packages/peer/src/http/metric-help.ts'
import { root } from './errors.ts'
import { fieldsOf } from './reference/genesis.ts'
import { metricUses, usesIn } from './reference/metrics.ts'
import { referencePages } from './reference.ts'

t.test('the reference is what the programs follow', async t => {
  for (const [path, text] of await referencePages()) {
    const held = readFileSync(join(root, path), 'utf8')
    t.ok(held === text, `${path} is up to date, else run \`node test/tidy/reference.ts\``)
    t.ok(text.split('\n').length > 30, `${path} says something`)
  }
})

t.test('every metric that is counted is explained', async t => {
  const uses = metricUses()
  t.ok(uses.length > 15, `${uses.length} uses read`)
  for (const { name } of uses)
    t.ok(Object.hasOwn(metricHelp, name), `${name} has its words in metric-help.ts`)
})

t.test('the readers can see', async t => {
  t.strictSame(usesIn("m.count('a_b_total')\nthis.#metrics.observe('c_seconds', 1)\nlist.count('word')"), [
    { name: 'a_b_total', kind: 'counter' },
    { name: 'c_seconds', kind: 'histogram' }
  ])
  const source = `export interface X {
  /** How
   * many. */
  readonly a: number
  readonly b: {
    /** Inner. */
    readonly c: readonly string[]
  }
  /** Both. */
  readonly d: { readonly e: number | null; readonly f: bigint }
}
`
  t.strictSame(fieldsOf(source, 'X'), [
    { path: 'a', type: 'number', comment: 'How many.' },
    { path: 'b', type: 'object', comment: '' },
    { path: 'b.c', type: 'string[]', comment: 'Inner.' },
    { path: 'd.e', type: 'number | null', comment: 'Both.' },
    { path: 'd.f', type: 'bigint', comment: '' }
  ])
  t.strictSame(fieldsOf(source, 'Y'), [])
})
