import t from 'tap'
import { PrometheusMetrics } from '../../src/http/index.ts'

t.test('counts, gauges and histograms', async t => {
  const metrics = new PrometheusMetrics()
  metrics.count('gradmesh_a_total')
  metrics.count('gradmesh_a_total', {}, 4)
  metrics.gauge('gradmesh_b', 7, { kind: 'x' })
  metrics.gauge('gradmesh_b', 3, { kind: 'x' })
  metrics.observe('gradmesh_c_seconds', 0.03)
  metrics.observe('gradmesh_d_bytes', 5_000)
  const text = await metrics.expose()
  t.match(text, /^gradmesh_a_total 5$/m)
  t.match(text, /^gradmesh_b\{kind="x"\} 3$/m)
  t.match(text, /^gradmesh_c_seconds_bucket\{le="0.025"\} 0$/m)
  t.match(text, /^gradmesh_c_seconds_bucket\{le="0.05"\} 1$/m)
  t.match(text, /^gradmesh_d_bytes_bucket\{le="4096"\} 0$/m)
  t.match(text, /^gradmesh_d_bytes_bucket\{le="16384"\} 1$/m)
})

t.test('two in one process do not meet', async t => {
  const one = new PrometheusMetrics()
  const two = new PrometheusMetrics()
  one.count('gradmesh_a_total')
  t.notMatch(await two.expose(), /gradmesh_a_total/)
})

t.test('labels cannot fill the memory', async t => {
  const metrics = new PrometheusMetrics()
  for (let i = 0; i < 1_000; i++) metrics.count('gradmesh_a_total', { peer: String(i) })
  const lines = (await metrics.expose()).split('\n').filter(line => line.startsWith('gradmesh_a_total{'))
  t.equal(lines.length, 65)
  t.ok(lines.includes('gradmesh_a_total{peer="other"} 936'))
})

t.test('a name keeps its kind, its labels and its unit', async t => {
  const metrics = new PrometheusMetrics()
  metrics.count('gradmesh_a_total', { x: '1' })
  const broken = { code: 'INVARIANT' }
  t.throws(() => metrics.gauge('gradmesh_a_total', 1, { x: '1' }), broken)
  t.throws(() => metrics.count('gradmesh_a_total', { y: '1' }), broken)
  t.throws(() => metrics.count('gradmesh_a'), broken)
  t.throws(() => metrics.observe('gradmesh_a', 1), broken)
})
