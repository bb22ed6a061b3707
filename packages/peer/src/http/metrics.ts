/** The `Metrics` port on prom-client: a metric comes to be when it is first used. */
import { assert, type Metrics } from '@gradmesh/core'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { metricHelp } from './metric-help.ts'

type Labels = Readonly<Record<string, string>>

/** Label sets per metric; what comes after them is counted under `other`, so that no peer can fill the memory. */
const LABEL_SETS_MAX = 64

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const BYTES = Array.from({ length: 11 }, (_, i) => 64 * 4 ** i)

/** Gauges of prom-client with a counter's name; the same figures are there by kind, without it. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total'
]

interface Held {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labelNames: readonly string[]
  readonly labelSets: Set<string>
  readonly metric: Counter | Gauge | Histogram
}

/**
 * Counters end in `_total`, histograms in `_seconds` or `_bytes`; a name keeps its kind and its label
 * names. The process's own metrics come along, event-loop delay included (`nodejs_eventloop_lag_*_seconds`).
 */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry()
  readonly #held = new Map<string, Held>()

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  count(name: string, labels: Labels = {}, by = 1): void {
    assert(name.endsWith('_total'), `the counter ${name} ends in _total`)
    const { metric, values } = this.#get('counter', name, labels)
    ;(metric as Counter).inc(values, by)
  }

  gauge(name: string, value: number, labels: Labels = {}): void {
    const { metric, values } = this.#get('gauge', name, labels)
    ;(metric as Gauge).set(values, value)
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    assert(/_(seconds|bytes)$/.test(name), `the histogram ${name} ends in its unit`)
    const { metric, values } = this.#get('histogram', name, labels)
    ;(metric as Histogram).observe(values, value)
  }

  /** Prometheus text. */
  expose(): Promise<string> {
    return this.#registry.metrics()
  }

  #get(kind: Held['kind'], name: string, labels: Labels): { metric: Held['metric']; values: Labels } {
    const names = Object.keys(labels).sort()
    const held = this.#held.get(name) ?? this.#create(kind, name, names)
    assert(held.kind === kind, `the metric ${name} stays a ${held.kind}`)
    assert(held.labelNames.join() === names.join(), `the metric ${name} keeps its labels`)
    const set = JSON.stringify(names.map(label => labels[label]))
    if (!held.labelSets.has(set) && held.labelSets.size >= LABEL_SETS_MAX)
      return { metric: held.metric, values: Object.fromEntries(names.map(label => [label, 'other'])) }
    held.labelSets.add(set)
    return { metric: held.metric, values: labels }
  }

  #create(kind: Held['kind'], name: string, labelNames: string[]): Held {
    const init = {
      name,
      help: metricHelp[name] ?? name.replaceAll('_', ' '),
      labelNames,
      registers: [this.#registry]
    }
    const metric =
      kind === 'counter'
        ? new Counter(init)
        : kind === 'gauge'
          ? new Gauge(init)
          : new Histogram({ ...init, buckets: name.endsWith('_bytes') ? BYTES : SECONDS })
    const held: Held = { kind, labelNames, labelSets: new Set(), metric }
    this.#held.set(name, held)
    return held
  }
}
