/** What `/metrics` says, in the eyes of Prometheus's own checker. */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { metricHelp } from '../../src/http/metric-help.ts'
import { Telling } from '../../src/telling/telling.ts'
import { serve } from './fixtures/serve.ts'

const isThere = spawnSync('promtool', ['--version']).status === 0
const skip = isThere ? false : 'promtool is not here: apt install prometheus'

t.test('promtool check metrics is clean', { skip }, async t => {
  const { url, metrics } = await serve(t)
  const telling = new Telling(metrics)
  telling.round()
  telling.trained(0.3, 5000)
  telling.delta('accepted', true, 12)
  telling.delta('refused', false, 13)
  metrics.observe('gradmesh_finality_seconds', 0.2)
  metrics.observe('gradmesh_sleep_seconds', 61)
  metrics.gauge('gradmesh_height', 3)
  metrics.gauge('gradmesh_round', 3)
  metrics.gauge('gradmesh_checkpoint_fetched_bytes', 4096)
  metrics.gauge('gradmesh_checkpoint_fetch_seconds', 0.5)
  metrics.count('gradmesh_faults_total', { code: 'WIRE_SIGNATURE' })
  metrics.gauge('net_peers', 3)
  for (const [name, labels] of [
    ['net_gossip_messages_total', { topic: '/gradmesh/1/a1/votes', verdict: 'accept' }],
    ['net_gossip_bytes_total', { topic: '/gradmesh/1/a1/votes' }],
    ['net_gossip_unread_total', { topic: '/gradmesh/1/a1/votes' }],
    ['net_gossip_restarts_total', {}],
    ['net_requests_total', { protocol: '/gradmesh/1/get', outcome: 'ok' }]
  ] as const)
    metrics.count(name, labels)
  metrics.gauge('net_relayed_bytes', 0)
  await fetch(`${url}/v1/status`)
  const text = await (await fetch(`${url}/metrics`)).text()
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8'
  })
  t.equal(`${stdout}${stderr}`, '', 'not a word of complaint')
  t.equal(status, 0)

  const told = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  const own = [...told].filter(name => /^(gradmesh|net)_/.test(name!))
  t.strictSame(
    own.filter(name => metricHelp[name!] === undefined),
    [],
    'each says what it means'
  )
  const unknown = ['gradmesh_status_finality_last_seconds', 'gradmesh_status_consensus_round_bytes']
  t.strictSame(
    Object.keys(metricHelp).filter(name => !told.has(name) && !unknown.includes(name)),
    [],
    'and nothing is explained that is not there'
  )
})

t.test('the checker sees what is wrong', { skip }, async t => {
  const { status } = spawnSync('promtool', ['check', 'metrics'], {
    input: '# TYPE a_total gauge\na_total 1\n'
  })
  t.not(status, 0)
})
