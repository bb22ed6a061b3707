/** The Grafana dashboard asks for metrics that a peer has. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { metricHelp } from '../../src/http/metric-help.ts'

interface Panel {
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number }
  readonly targets: readonly { readonly expr: string }[]
}

const file = new URL('../../../../docker/grafana/gradmesh.json', import.meta.url)
const { panels } = JSON.parse(readFileSync(file, 'utf8')) as { panels: readonly Panel[] }
const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

t.test('every metric exists', async t => {
  const known = new Set([...Object.keys(metricHelp), 'process_resident_memory_bytes'])
  for (const expr of expressions) {
    const names = [...expr.matchAll(/\b(?:gradmesh|net|process|nodejs)_[a-z0-9_]+/g)].map(([name]) => name)
    t.ok(names.length > 0, expr)
    for (const name of names) {
      t.ok(known.has(name) || known.has(name.replace(/_(bucket|sum|count)$/, '')), name)
    }
  }
})

t.test('panels stand side by side', async t => {
  t.ok(panels.length >= 12)
  const places = panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)
  t.equal(new Set(places).size, places.length)
  for (const { title, gridPos } of panels) t.ok(gridPos.x + gridPos.w <= 24, title)
})

const isThere = spawnSync('promtool', ['--version']).status === 0

t.test('every expression is PromQL', { skip: isThere ? false : 'promtool is not here' }, async t => {
  const rules = expressions.map((expr, i) => `    - record: x${i}\n      expr: ${JSON.stringify(expr)}`)
  const input = `groups:\n  - name: dashboard\n    rules:\n${rules.join('\n')}\n`
  const rulesFile = join(t.testdir(), 'rules.yaml')
  writeFileSync(rulesFile, input)
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', rulesFile], {
    encoding: 'utf8'
  })
  t.equal(status, 0, `${stdout}${stderr}`)
})
