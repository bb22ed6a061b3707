import { utf8 } from '@gradmesh/core'
import { BOUNDS } from '@gradmesh/wire'
import t from 'tap'
import { AGENT } from '../../src/running.ts'
import { agentWith, Labels } from '../../src/telling/labels.ts'

t.test('a label travels behind the agent, and is cleaned on both ends', async t => {
  const labels = new Labels()
  labels.heard('a', agentWith(AGENT, 'attic'))
  t.equal(labels.of('a'), 'attic')
  labels.heard('a', agentWith(AGENT, 'a (second) name'))
  t.equal(labels.of('a'), 'a (second) name')
  labels.heard('b', `${AGENT} (\u202eevil\u001b[0m)`)
  t.equal(labels.of('b'), 'evil[0m')
  labels.heard('a', AGENT)
  t.equal(labels.of('a'), null, 'who has none any more is shown without')
  t.equal(agentWith(AGENT, ''), AGENT)
  t.ok(utf8(agentWith(AGENT, 'x'.repeat(32))).length <= BOUNDS.agentBytesMax)
})

t.test('strangers cannot fill it', async t => {
  const labels = new Labels()
  for (let i = 0; i < 1100; i++) labels.put(`peer ${i}`, 'x')
  t.equal(labels.of('peer 0'), null)
  t.equal(labels.of('peer 1099'), 'x')
})
