/** docs/reference/metrics.md: what `/metrics` tells, with kind, labels and unit, read from where each is counted. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { metricHelp } from '../../../packages/peer/src/http/metric-help.ts'
import { root } from '../errors.ts'
import { code, MADE, page, table } from './markdown.ts'

const HEAD = `# Metrics

What a peer tells Prometheus at \`/metrics\`. A name carries its unit and a counter ends in \`_total\`; histograms add
\`_bucket\`, \`_sum\` and \`_count\`. \`gradmesh_status_…\` are the figures of \`gradmesh status\` at the moment of the
scrape; one that is not known yet is absent. The process's own metrics (\`process_…\`, \`nodejs_…\`) come along.
There are no
OpenTelemetry traces, since SDK and exporter weigh 27 MB installed: where a round's time goes is told by the histograms
of training and finality here, and by the events of \`/v1/events\`. How to
scrape and draw them: [Watch a mesh with Prometheus and Grafana](../how-to/monitoring.md). ${MADE}`

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/_bytes(_total)?$/, 'bytes'],
  [/samples_per_second$/, 'samples a second'],
  [/_seconds$/, 'seconds'],
  [/_ratio$/, '0 to 1']
]

const unitOf = (name: string): string => UNITS.find(([ending]) => ending.test(name))?.[1] ?? ''

/** The twin that stands in for the network in tests has one metric of its own, which no peer shows. */
const TWIN = 'packages/net/src/memory/gossip.ts'

export interface MetricUse {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
}

const KINDS = { count: 'counter', gauge: 'gauge', observe: 'histogram' } as const

/** Every metric that the sources name where they count, set or observe it. */
export const metricUses = (): MetricUse[] => {
  const files = execFileSync('git', ['ls-files', 'packages/*/src/*.ts', 'packages/*/src/**/*.ts'], {
    cwd: root,
    encoding: 'utf8'
  })
  const sources = new Set(files.trim().split('\n'))
  sources.delete(TWIN)
  return [...sources].flatMap(file => usesIn(readFileSync(join(root, file), 'utf8')))
}

export const usesIn = (source: string): MetricUse[] =>
  [...source.matchAll(/\.(count|gauge|observe)\(\s*'([a-z][a-z0-9_]*_[a-z0-9_]+)'/g)].map(
    ([, verb, name]) => ({
      name: name!,
      kind: KINDS[verb as keyof typeof KINDS]
    })
  )

export const metricsPage = (): string => {
  const kinds = new Map(metricUses().map(({ name, kind }) => [name, kind]))
  const rows = Object.entries(metricHelp).map(([name, help]) => [
    code(name),
    kinds.get(name) ?? (name.endsWith('_total') ? 'counter' : 'gauge'),
    unitOf(name),
    help
  ])
  return page(HEAD, table(['name', 'kind', 'unit', 'meaning'], rows))
}
